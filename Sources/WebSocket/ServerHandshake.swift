import Bytes

/// A client's wish for a connection (RFC 6455 §4.2.1), well formed. Whether it is granted is the caller's policy.
package struct OpeningRequest: Equatable, Sendable {
    /// Begins with `/`; visible ASCII; still percent-encoded, with its query.
    package let path: String
    /// Host and, if given, port, as the client wrote it. ASCII, never empty.
    package let host: String
    /// Names the page a browser runs the client in; other clients send none, or lie (RFC 6455 §10.2).
    package let origin: String?
    /// What the client offers, best first. Tokens, each once.
    package let subprotocols: [String]
    /// All header fields in order, those above included.
    package let fields: [HeaderField]

    let key: String
    /// In the client's order, best first (RFC 6455 §9.1).
    let extensions: [ExtensionElement]

    /// The values of all fields of that name, which is given in lower case.
    package func values(of name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
}

/// The server's half of the opening handshake. Any deviation is refused and the connection closed, because a proxy on
/// the way may have understood the same bytes as something else.
enum ServerHandshake {
    static func check(_ head: HTTPHead) throws(OpeningFault) -> OpeningRequest {
        let target = try checkRequestLine(head.startLine)
        // RFC 6455 §4.2.1 point 2; RFC 9112 §3.2: one, and well formed.
        guard let host = try head.single("host"), !host.isEmpty, host.utf8.allSatisfy(HTTPText.isHost) else {
            throw .badRequest("no or malformed Host")
        }
        let path = try path(of: target, at: host)
        // RFC 6455 §4.1: the request has no body. One that claims to have is an attempt at smuggling.
        guard head.values(of: "content-length").isEmpty, head.values(of: "transfer-encoding").isEmpty else {
            throw .badRequest("an opening request has no body")
        }
        // RFC 6455 §4.2.1 points 3 and 4.
        guard try head.list("upgrade", holds: "websocket") else {
            throw OpeningFault(status: .upgradeRequired, reason: "This is a WebSocket endpoint, not a web page.")
        }
        guard try head.list("connection", holds: "upgrade") else { throw .badRequest("Connection lacks Upgrade") }
        // RFC 6455 §4.2.1 point 6, §4.4: another version is answered with the one we speak.
        guard let version = try head.single("sec-websocket-version"), Array(version.utf8) == Array("13".utf8) else {
            throw OpeningFault(status: .upgradeRequired, reason: "This endpoint speaks WebSocket version 13 only.")
        }
        // RFC 6455 §4.2.1 point 5.
        guard let key = try head.single("sec-websocket-key"), Base64.decode(key)?.count == 16 else {
            throw .badRequest("no or malformed Sec-WebSocket-Key")
        }
        let subprotocols = try head.list("sec-websocket-protocol")
        // RFC 6455 §11.3.4: a field that is there names at least one.
        guard HTTPText.areSubprotocols(subprotocols), !head.hasEmptyList("sec-websocket-protocol") else {
            throw .badRequest("malformed Sec-WebSocket-Protocol")
        }
        return OpeningRequest(
            path: path, host: host, origin: try head.single("origin"), subprotocols: subprotocols,
            fields: head.fields, key: key, extensions: try head.extensions())
    }

    /// RFC 9112 §3. Returns the target.
    private static func checkRequestLine(_ line: [UInt8]) throws(OpeningFault) -> ArraySlice<UInt8> {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(HTTPText.isToken),
            parts[2] == ArraySlice("HTTP/1.1".utf8)
        else { throw .badRequest("not an HTTP/1.1 request") }
        guard parts[0] == ArraySlice("GET".utf8) else {
            throw OpeningFault(status: .methodNotAllowed, reason: "A WebSocket is opened with GET.")
        }
        guard !parts[1].isEmpty, parts[1].allSatisfy(HTTPText.isTarget) else { throw .badRequest("malformed path") }
        return parts[1]
    }

    /// A path (RFC 9112 §3.2.1), or a whole address (§3.2.2), which must be what the client would have asked for by path
    /// (RFC 6455 §4.1 point 3): of two hosts in one request, a proxy may have looked at the other.
    private static func path(of target: ArraySlice<UInt8>, at host: String) throws(OpeningFault) -> String {
        let slash = UInt8(ascii: "/")
        guard target.first != slash else { return String(decoding: target, as: UTF8.self) }
        let parts = target.split(separator: slash, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[1].isEmpty,
            ["http:", "https:"].contains(where: { $0.utf8.elementsEqual(HTTPText.lowercased(parts[0])) }),
            HTTPText.lowercased(parts[2]) == HTTPText.lowercased(host.utf8)
        else { throw .badRequest("malformed path, or not of this host") }
        return "/" + (parts.count == 4 ? String(decoding: parts[3], as: UTF8.self) : "")
    }

    /// RFC 6455 §4.2.2 point 5. `subprotocol` is one of those offered, and so is what `deflate` answers.
    static func acceptance(
        of request: OpeningRequest, subprotocol: String?, deflate: DeflateParameters?
    ) -> [UInt8] {
        var lines = [
            statusLine(.switchingProtocols), "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Accept: \(AcceptKey.answer(to: request.key))",
        ]
        if let subprotocol { lines.append("Sec-WebSocket-Protocol: \(subprotocol)") }
        if let deflate { lines.append("Sec-WebSocket-Extensions: \(deflate.text(as: .answer))") }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// A plain-text answer that people can read in a browser. `reason` goes into the body only, where it can do no harm.
    static func refusal(_ status: HTTPStatus, reason: String, hasBody: Bool = true) -> [UInt8] {
        let body = reason + "\n"
        var lines = [
            statusLine(status), "Content-Type: text/plain; charset=utf-8", "Content-Length: \(body.utf8.count)",
        ]
        switch status {
        case .upgradeRequired:
            // RFC 9110 §15.5.22 and RFC 6455 §4.4: say what to upgrade to.
            lines += ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Connection: Upgrade, close"]
        case .methodNotAllowed:
            // RFC 9110 §15.5.6
            lines += ["Allow: GET", "Connection: close"]
        default:
            lines.append("Connection: close")
        }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + (hasBody ? body : "")).utf8)
    }

    private static func statusLine(_ status: HTTPStatus) -> String { "HTTP/1.1 \(status.rawValue) \(status.phrase)" }
}

extension OpeningFault {
    static let bytesBeforeAnswer = badRequest("bytes before the opening request was answered")
}
