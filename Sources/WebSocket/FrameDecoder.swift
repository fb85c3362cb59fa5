/// Cuts the byte stream into frame headers and pieces of payload. It holds at most one unfinished header (14 bytes):
/// payload is handed on in place, so any chunking costs the same and nothing is stored that nobody asked for.
package struct FrameDecoder: Sendable {
    /// Part of a frame's payload, still masked; all of it, where the frame lies in the buffer as a whole.
    package struct Piece {
        /// Lives as long as the buffer given to `next`. Empty if the payload is, or none of it has arrived yet.
        package let bytes: UnsafeRawBufferPointer
        package let frame: FrameHeader
        /// The distance from the payload's start.
        package let offset: Int
        package let beginsFrame: Bool
        package var endsFrame: Bool { offset + bytes.count == frame.payloadBytes }
    }

    private let side: Side
    private let allowsCompression: Bool
    private var held = HeaderBytes()
    /// The frame whose payload is under way, and how much of it has been handed on.
    private var frame: FrameHeader?
    private var payloadBytesSeen = 0

    /// `side` is ours: a server takes masked frames only, a client unmasked ones only (RFC 6455 §5.1). Messages may be
    /// compressed if permessage-deflate was agreed on.
    package init(side: Side, allowsCompression: Bool = false) {
        self.side = side
        self.allowsCompression = allowsCompression
    }

    /// True between two frames.
    package var isBetweenFrames: Bool { frame == nil && held.count == 0 }

    /// Advances `position` over what is used of `bytes`. Call until it returns nil: all bytes are used, and more are
    /// needed. After a fault never call again.
    package mutating func next(in bytes: UnsafeRawBufferPointer, from position: inout Int) throws(PeerFault) -> Piece? {
        if let frame {
            let piece = piece(of: frame, beginsFrame: false, in: bytes, from: &position)
            return piece.bytes.isEmpty ? nil : piece
        }
        // Most headers lie in the buffer as a whole and are read as two words. One that does not is collected first.
        if held.count == 0, let header = HeaderBytes(in: bytes, at: position) {
            let length = try header.length(for: side, allowsCompression: allowsCompression)
            if length <= header.count {
                position += length
                return piece(of: try header.header(), beginsFrame: true, in: bytes, from: &position)
            }
        }
        while position < bytes.count {
            held.append(bytes[position])
            position += 1
            // Each fault is found by the byte that makes it certain.
            guard held.count >= HeaderBytes.shortest,
                held.count == (try held.length(for: side, allowsCompression: allowsCompression))
            else { continue }
            let header = try held.header()
            held = HeaderBytes()
            return piece(of: header, beginsFrame: true, in: bytes, from: &position)
        }
        return nil
    }

    private mutating func piece(
        of frame: FrameHeader, beginsFrame: Bool, in bytes: UnsafeRawBufferPointer, from position: inout Int
    ) -> Piece {
        let offset = beginsFrame ? 0 : payloadBytesSeen
        let count = min(frame.payloadBytes - offset, bytes.count - position)
        let piece = Piece(
            bytes: UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)]), frame: frame, offset: offset,
            beginsFrame: beginsFrame)
        position += count
        payloadBytesSeen = offset + count
        self.frame = piece.endsFrame ? nil : frame
        return piece
    }
}
