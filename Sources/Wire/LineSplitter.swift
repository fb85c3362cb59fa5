import Bytes

/// Cuts the bytes of a client's connection into lines, on either side of it. After each `receive`, call `next` until it
/// returns nil: then no more than one unfinished line of `lineBytesMax` bytes is kept.
///
/// The first fault is the last word: later bytes are dropped, and `next` goes on throwing the same refusal.
package struct LineSplitter: Sendable {
    /// Bytes of one line, the line feed not counted. May be raised between two calls, as after a login.
    package var lineBytesMax: Int

    private var queue = ByteQueue()
    /// So many bytes at the front hold no line feed; they are not looked at again when more arrive.
    private var scanned = 0
    private var emptyLines = 0
    /// False until enough has arrived to tell what the peer speaks.
    private var knowsOpening = false
    private var failure: Refusal?

    package init(lineBytesMax: Int) { self.lineBytesMax = lineBytesMax }

    /// An empty line is no message, and harmless where a person types; more than this in a row is a flood.
    package static let emptyLinesMax = 64

    package mutating func receive(_ bytes: some Collection<UInt8>) {
        if failure == nil { queue.append(bytes) }
    }

    package mutating func receive(_ bytes: UnsafeRawBufferPointer) {
        if failure == nil { queue.append(bytes) }
    }

    /// The next line, without its line feed and never empty; nil until more bytes have arrived. A carriage return
    /// before the line feed stays: to JSON it is white space.
    ///
    /// Throws `too-long` as soon as the limit is passed, `not-postroad` for what is clearly another protocol, and
    /// `malformed-json` for a flood of empty lines.
    package mutating func next() throws(Refusal) -> [UInt8]? {
        if let failure { throw failure }
        if !knowsOpening, let foreign = foreignOpening() { throw fail(.notPostroad, foreign) }
        while let end = queue.firstIndex(of: 0x0A, from: scanned) {
            guard end <= lineBytesMax else { break }
            knowsOpening = true
            scanned = 0
            let line = queue.consume(end)
            queue.drop(1)
            guard line.isEmpty else {
                emptyLines = 0
                return line
            }
            emptyLines += 1
            guard emptyLines <= LineSplitter.emptyLinesMax else {
                throw fail(.malformedJSON, "more than \(LineSplitter.emptyLinesMax) empty lines came in a row")
            }
        }
        guard queue.count <= lineBytesMax else {
            throw fail(.tooLong, "a line may have at most \(lineBytesMax) bytes at this point")
        }
        scanned = queue.count
        return nil
    }

    /// What to say to a peer whose first bytes belong to another protocol; nil if they do not, or not yet.
    private mutating func foreignOpening() -> String? {
        guard let first = queue.byte(at: 0) else { return nil }
        // RFC 8446 §5.1: the first byte of a TLS connection is the content type "handshake".
        guard first != 0x16 else { return "TLS is not spoken here yet: connect without it" }
        let opening = queue.prefix(LineSplitter.openingBytesMax)
        // A browser that a web page sends here must not get its body read as lines.
        guard !LineSplitter.verbs.contains(where: { opening.starts(with: $0) }) else {
            return "this port takes Postroad clients, not HTTP: begin with a line like {\"tag\":\"hello\",…}"
        }
        knowsOpening = !LineSplitter.verbs.contains { $0.starts(with: opening) }
        return nil
    }

    /// RFC 9110 §9.3 and RFC 5789; `PRI` opens HTTP/2 (RFC 9113 §3.4).
    private static let verbs = [
        "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH ", "PRI ",
    ].map { Array($0.utf8) }
    private static let openingBytesMax = 8

    private mutating func fail(_ code: Refusal.Code, _ text: String) -> Refusal {
        let refusal = Refusal(code, text)
        failure = refusal
        queue = ByteQueue()
        return refusal
    }
}
