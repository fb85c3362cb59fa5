import Bytes

/// The payload of a close frame (RFC 6455 §5.5.1): nothing, or a code and a reason.
struct CloseFrame: Equatable {
    let code: CloseCode?
    let reason: String

    /// What a control frame holds besides the code.
    static let reasonBytesMax = FrameHeader.controlPayloadBytesMax - 2

    init(code: CloseCode?, reason: String) {
        self.code = code
        self.reason = reason
    }

    init(parsing payload: [UInt8]) throws(PeerFault) {
        guard !payload.isEmpty else {
            self.init(code: nil, reason: "")
            return
        }
        // RFC 6455 §5.5.1: a body begins with a code of two bytes, and UTF-8 follows.
        guard payload.count >= 2 else { throw .closePayloadTooShort }
        let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        guard code.isValidOnTheWire else { throw .closeCodeNotAllowed }
        let reason = payload.dropFirst(2)
        var validator = UTF8Validator()
        guard validator.consume(reason), validator.isComplete else { throw .closeReasonNotUTF8 }
        self.init(code: code, reason: String(decoding: reason, as: UTF8.self))
    }

    var payload: [UInt8] {
        guard let code else { return [] }
        var payload: [UInt8] = []
        payload.appendBigEndian(code.rawValue)
        payload.append(contentsOf: reason.utf8)
        return payload
    }
}
