/// What a frame is for (RFC 6455 §5.2); the other values are reserved.
package enum Opcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// RFC 6455 §5.5: control frames have the top bit of the opcode set.
    package var isControl: Bool { rawValue & 0x8 != 0 }
}

/// Everything of a frame that stands before its payload (RFC 6455 §5.2), checked.
package struct FrameHeader: Equatable, Sendable {
    package let isFinal: Bool
    /// The message that begins here is compressed (RFC 7692 §6); false in all other frames.
    package let isCompressed: Bool
    package let opcode: Opcode
    /// Nil in frames of a server.
    package let maskingKey: MaskingKey?
    /// As announced; nothing is allocated for it before `MessageAssembler` has compared it with the limit.
    package let payloadBytes: Int

    package init(
        isFinal: Bool, isCompressed: Bool = false, opcode: Opcode, maskingKey: MaskingKey?, payloadBytes: Int
    ) {
        self.isFinal = isFinal
        self.isCompressed = isCompressed
        self.opcode = opcode
        self.maskingKey = maskingKey
        self.payloadBytes = payloadBytes
    }

    /// RFC 6455 §5.2: two bytes, eight for the length, four for the masking key.
    static let bytesMax = 14

    /// RFC 6455 §5.5: what every control frame fits in.
    package static let controlPayloadBytesMax = 125
}

/// A whole message: one frame, or several fragments put together (RFC 6455 §5.4).
package enum Message: Equatable, Sendable {
    /// UTF-8; checked on receipt and on sending (RFC 6455 §5.6). Kept as bytes, for parsers need no `String`.
    case text([UInt8])
    case binary([UInt8])

    var opcode: Opcode {
        switch self {
        case .text: .text
        case .binary: .binary
        }
    }

    var payload: [UInt8] {
        switch self {
        case .text(let payload), .binary(let payload): payload
        }
    }
}
