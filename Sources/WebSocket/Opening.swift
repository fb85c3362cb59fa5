/// One side of the opening handshake under way (RFC 6455 §4). A connection lets go of it when it is open, so that those
/// who are idle for days do not keep the memory of how they began.
final class Opening {
    enum Step {
        /// Server: somebody asks in; the answer is the caller's.
        case asked(OpeningRequest)
        /// Client: the server's answer fits.
        case agreed(ClientHandshake.Agreement)
    }

    /// Server: what waits for its answer.
    private(set) var asked: OpeningRequest?
    let deflate: DeflateSettings?
    private var headReader: HTTPHeadReader
    /// RFC 9110 §9.3.2: the answer to a HEAD has no body.
    private var wantsNoBody = false
    /// Our own half; nil in servers.
    private let handshake: ClientHandshake?

    init(_ handshake: ClientHandshake?, limits: Limits, deflate: DeflateSettings?) {
        self.handshake = handshake
        self.deflate = deflate
        headReader = HTTPHeadReader(limits: limits)
    }

    /// What a client sends first.
    var request: [UInt8] { handshake?.request ?? [] }

    /// Advances `position` over what belongs to the handshake; nil if more is needed. After a fault never call again.
    func next(in bytes: UnsafeRawBufferPointer, from position: inout Int) throws(OpeningFault) -> Step? {
        guard asked == nil else {
            guard position == bytes.count else { throw .bytesBeforeAnswer }
            return nil
        }
        guard let head = try nextHead(in: bytes, from: &position) else { return nil }
        guard let handshake else {
            wantsNoBody = head.startLine.starts(with: "HEAD ".utf8)
            let request = try ServerHandshake.check(head)
            // RFC 6455 §4.1: the client waits for the answer. What comes with its request may be a second request that a
            // proxy on the way did not see.
            guard position == bytes.count else { throw .bytesBeforeAnswer }
            asked = request
            return .asked(request)
        }
        var answer = head
        while try handshake.isInterim(answer) {
            guard let next = try nextHead(in: bytes, from: &position) else { return nil }
            answer = next
        }
        return .agreed(try handshake.check(answer))
    }

    /// Several count against one limit.
    private func nextHead(
        in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) throws(OpeningFault) -> HTTPHead? {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
        position = bytes.count
        guard let headBytes = try receiveHead(rest) else { return nil }
        position -= rest.count - headBytes
        return headReader.takeHead()
    }

    private func receiveHead(_ bytes: UnsafeRawBufferPointer) throws(OpeningFault) -> Int? {
        do throws(OpeningFault) {
            return try headReader.receive(bytes)
        } catch {
            throw handshake == nil ? error : error.withoutStatus
        }
    }

    /// What the peer is told about its fault: a client that gives up says nothing.
    func answer(to fault: OpeningFault) -> [UInt8] {
        guard handshake == nil, let status = fault.status else { return [] }
        return ServerHandshake.refusal(status, reason: fault.reason, hasBody: !wantsNoBody)
    }
}
