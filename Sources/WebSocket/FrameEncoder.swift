import Bytes

/// Writes frames in the shortest form of RFC 6455 §5.2.
package enum FrameEncoder {
    /// Appends one frame to `output`. A client gives a fresh `maskingKey` for each frame, a server none (§5.1).
    /// `isCompressed` marks the first frame of a message that is (RFC 7692 §6).
    package static func append(
        _ opcode: Opcode, _ payload: [UInt8], isFinal: Bool = true, isCompressed: Bool = false,
        maskingKey: MaskingKey?, to output: inout [UInt8]
    ) {
        output.append((isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue)
        let maskBit: UInt8 = maskingKey == nil ? 0 : 0x80
        switch payload.count {
        case ...125:
            output.append(maskBit | UInt8(truncatingIfNeeded: payload.count))
        case ...0xFFFF:
            output.append(maskBit | 126)
            output.appendBigEndian(UInt16(truncatingIfNeeded: payload.count))
        default:
            output.append(maskBit | 127)
            output.appendBigEndian(UInt64(payload.count))
        }
        guard let maskingKey else {
            output.append(contentsOf: payload)
            return
        }
        output.appendBigEndian(maskingKey.value)
        let start = output.count
        output.append(contentsOf: payload)
        output.mask(from: start, with: maskingKey)
    }
}

/// A server's message as it stands on the wire. Server frames are not masked, so the bytes are the same for all
/// readers: encode once and share the storage. It is not compressed either, since each connection compresses in its
/// own way; whoever agreed on compression takes it all the same (RFC 7692 §6).
package struct EncodedFrame: Sendable {
    /// One unmasked, unfragmented frame. Whoever writes it without `Connection.send` must first write `takeOutput()`,
    /// and only while `Connection.isOpen`.
    package let bytes: [UInt8]

    /// Throws `Misuse.textNotUTF8`.
    package init(_ message: Message) throws(Misuse) {
        try message.checkText()
        var bytes: [UInt8] = []
        FrameEncoder.append(message.opcode, message.payload, maskingKey: nil, to: &bytes)
        self.bytes = bytes
    }
}

extension Message {
    /// RFC 6455 §8.1: the peer must fail the connection on bad UTF-8, so our bug stops here.
    func checkText() throws(Misuse) {
        guard case .text(let payload) = self else { return }
        var validator = UTF8Validator()
        guard validator.consume(payload), validator.isComplete else { throw .textNotUTF8 }
    }
}
