import Bytes

/// Writes frames in the shortest form of RFC 6455 §5.2.
package enum FrameEncoder {
    /// Appends one frame to `output`. A client gives a fresh `maskingKey` for each frame, a server none (§5.1).
    /// `isCompressed` marks the first frame of a message that is (RFC 7692 §6).
    package static func append(
        _ opcode: Opcode, _ payload: [UInt8], isFinal: Bool = true, isCompressed: Bool = false,
        maskingKey: MaskingKey?, to output: inout [UInt8]
    ) {
        let header = HeaderBytes(
            FrameHeader(
                isFinal: isFinal, isCompressed: isCompressed, opcode: opcode, maskingKey: maskingKey,
                payloadBytes: payload.count))
        output.append(count: header.count + payload.count) { target in
            header.write(to: target)
            payload.withUnsafeBytes { payload in
                let rest = target + header.count
                if let maskingKey {
                    maskingKey.copy(payload, to: rest, offset: 0)
                } else if let start = payload.baseAddress {
                    rest.copyMemory(from: start, byteCount: payload.count)
                }
            }
        }
    }

    /// Appends what stands before a payload of a server that is not compressed.
    static func appendHeader(_ opcode: Opcode, payloadBytes: Int, to output: inout [UInt8]) {
        let header = HeaderBytes(
            FrameHeader(isFinal: true, opcode: opcode, maskingKey: nil, payloadBytes: payloadBytes))
        output.append(count: header.count) { header.write(to: $0) }
    }
}

/// A server's messages as they stand on the wire, mostly one. Server frames are not masked, so the bytes are the same
/// for all readers: encode once and share the storage. They are not compressed either, since each connection compresses
/// in its own way; whoever agreed on compression takes them all the same (RFC 7692 §6).
package struct EncodedFrame: Sendable {
    /// Unmasked, unfragmented frames. Whoever writes them without `Connection.send` must first write `takeOutput()`,
    /// and only while `Connection.isOpen`.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Throws `Misuse.textNotUTF8`.
    package init(_ message: Message) throws(Misuse) { try append(message) }

    /// Adds the frame of another message; they go together from now on. Throws `Misuse.textNotUTF8`.
    package mutating func append(_ message: Message) throws(Misuse) {
        try message.checkText()
        FrameEncoder.append(message.opcode, message.payload, maskingKey: nil, to: &bytes)
    }
}

extension Message {
    /// RFC 6455 §8.1: the peer must fail the connection on bad UTF-8, so our bug stops here.
    func checkText() throws(Misuse) {
        guard case .text(let payload) = self else { return }
        guard payload.withUnsafeBytes({ UTF8Validator.isValid($0) }) else { throw .textNotUTF8 }
    }
}
