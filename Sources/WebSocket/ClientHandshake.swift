import Bytes

/// The client's half of the opening handshake (RFC 6455 §4.1).
struct ClientHandshake: Sendable {
    /// What the server's answer settles.
    struct Agreement: Sendable {
        let subprotocol: String?
        let deflate: DeflateParameters?
    }

    let request: [UInt8]
    private let expectedAcceptKey: [UInt8]
    private let offeredSubprotocols: [String]
    private let deflate: DeflateSettings?

    /// What is kept of the server's own words about a refusal.
    private static let reasonBytesMax = 100

    /// `nonce` is 16 random bytes.
    init(
        host: String, path: String, subprotocols: [String], deflate: DeflateSettings?, nonce: [UInt8],
        requestBytesMax: Int
    ) throws(Misuse) {
        // Host and path may come from a setup file or from another server: a line break in them would let their
        // author write further header fields in our name.
        guard !host.isEmpty, host.utf8.allSatisfy(HTTPText.isHost) else { throw .badHost }
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.allSatisfy(HTTPText.isTarget) else { throw .badPath }
        guard HTTPText.areSubprotocols(subprotocols) else { throw .badSubprotocol }
        let key = Base64.encode(nonce)
        var lines = [
            "GET \(path) HTTP/1.1", "Host: \(host)", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: \(key)", "Sec-WebSocket-Version: 13",
        ]
        if !subprotocols.isEmpty {
            lines.append("Sec-WebSocket-Protocol: \(subprotocols.joined(separator: ", "))")
        }
        if let deflate { lines.append("Sec-WebSocket-Extensions: \(deflate.offer.text(as: .offer))") }
        request = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        guard request.count <= requestBytesMax else { throw .openingTooLong }
        expectedAcceptKey = Array(AcceptKey.answer(to: key).utf8)
        offeredSubprotocols = subprotocols
        self.deflate = deflate
    }

    /// RFC 9110 §15.2: other answers of the class 1xx may come before the one that counts, and mean nothing to us.
    func isInterim(_ answer: HTTPHead) throws(OpeningFault) -> Bool {
        let (status, _) = try ClientHandshake.parseStatusLine(answer.startLine)
        return status.rawValue < 200 && status != .switchingProtocols
    }

    /// Checks the server's answer and returns what it chose.
    func check(_ answer: HTTPHead) throws(OpeningFault) -> Agreement {
        let (status, phrase) = try ClientHandshake.parseStatusLine(answer.startLine)
        guard status == .switchingProtocols else { throw OpeningFault(status: status, reason: phrase) }
        do throws(OpeningFault) {
            return try checkAgreement(answer)
        } catch {
            throw error.withoutStatus
        }
    }

    /// RFC 6455 §4.1, "once the client's opening handshake has been sent", points 2 to 6.
    private func checkAgreement(_ answer: HTTPHead) throws(OpeningFault) -> Agreement {
        // An answer names this one, where a request may offer several.
        guard try answer.list("upgrade", holds: "websocket"), try answer.list("upgrade").count == 1 else {
            throw .badAnswer("the answer lacks Upgrade, or names another too")
        }
        guard try answer.list("connection", holds: "upgrade") else { throw .badAnswer("the answer lacks Connection") }
        guard let acceptKey = try answer.single("sec-websocket-accept"), Array(acceptKey.utf8) == expectedAcceptKey
        else { throw .badAnswer("the answer has no or a wrong Sec-WebSocket-Accept") }
        return Agreement(subprotocol: try checkSubprotocol(answer), deflate: try checkExtensions(answer))
    }

    private func checkExtensions(_ answer: HTTPHead) throws(OpeningFault) -> DeflateParameters? {
        let extensions = try answer.extensions()
        if let deflate { return try deflate.agreement(with: extensions) }
        guard extensions.isEmpty else { throw .badAnswer("the answer names an extension that was not asked for") }
        return nil
    }

    private func checkSubprotocol(_ answer: HTTPHead) throws(OpeningFault) -> String? {
        guard let chosen = try answer.single("sec-websocket-protocol") else { return nil }
        guard let subprotocol = offeredSubprotocols.first(where: { Array($0.utf8) == Array(chosen.utf8) }) else {
            throw .badAnswer("the answer names a subprotocol that was not asked for")
        }
        return subprotocol
    }

    /// RFC 9112 §4: `HTTP/1.1 403 Forbidden`, where the phrase may be missing.
    private static func parseStatusLine(_ line: [UInt8]) throws(OpeningFault) -> (HTTPStatus, String) {
        let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0] == ArraySlice("HTTP/1.1".utf8), parts[1].count == 3,
            let code = Int(String(decoding: parts[1], as: UTF8.self)), (100...599).contains(code)
        else { throw .badAnswer("the answer is not HTTP/1.1") }
        return (HTTPStatus(rawValue: code), parts.count == 3 ? printable(parts[2]) : "")
    }

    /// The phrase goes to logs and terminals, where a hostile server must not write commands.
    private static func printable(_ phrase: ArraySlice<UInt8>) -> String {
        let question = UInt8(ascii: "?")
        return String(
            decoding: phrase.prefix(reasonBytesMax).map { (0x20...0x7E).contains($0) ? $0 : question }, as: UTF8.self)
    }
}

/// RFC 6455 §1.3: the server shows that it read the client's key as WebSocket by mixing in a fixed text.
enum AcceptKey {
    static func answer(to key: String) -> String {
        Base64.encode(SHA1.digest(of: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
    }
}

extension OpeningFault {
    /// The server's answer makes no sense, so it has no status.
    static func badAnswer(_ reason: String) -> OpeningFault { OpeningFault(status: nil, reason: reason) }

    /// The same for a fault that was found by what both sides share: the status is what a server would say to it.
    var withoutStatus: OpeningFault { .badAnswer(reason) }
}
