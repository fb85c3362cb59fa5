import Bytes
import WebSocket

/// The passes that the WebSocket layer makes over what it receives, each alone, in bytes a second.
extension Micro {
    static func measureWebSocket(_ workshop: Workshop) throws -> [Reading] {
        let micro = Micro(isQuick: workshop.isQuick)
        return micro.masking() + micro.checking() + (try micro.parsing())
    }

    /// In place, as `Connection` does it: 128 bytes lie at any address, longer ones as the allocator gives them.
    private func masking() -> [Reading] {
        [128, 16 << 10, 1 << 20].map { count in
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count + 5, alignment: 16)
            defer { buffer.deallocate() }
            buffer.initializeMemory(as: UInt8.self, repeating: 0x5A)
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[(count > 128 ? 0 : 5)...].prefix(count))
            let key = MaskingKey(0x1234_5678)
            return gigabytes("masking, \(Micro.size(count))", count) {
                key.apply(to: piece, offset: 3)
                return Int(piece[0]) + 1
            }
        }
    }

    private func checking() -> [Reading] {
        let scripts = [
            ("ASCII", "The quick brown fox jumps over the lazy dog. "),
            ("mixed", "Grüße aus Köln, Ελληνικά, 漢字 – "),
            ("CJK", "無爲而無不爲，上善若水。水善利萬物而不爭"),
        ]
        return scripts.flatMap { name, text in
            [128, 16 << 10].map { count in
                let text = Array(String(repeating: text, count: 1 + count / text.utf8.count).utf8)
                // Cut to the size, but not inside a character.
                var length = count
                while text[length] & 0xC0 == 0x80 { length -= 1 }
                let bytes = Array(text.prefix(length))
                return gigabytes("UTF-8 check, \(name), \(Micro.size(count))", length) { Micro.valid(bytes) }
            }
        }
    }

    /// What a client sends: cut into frames only, and read into messages, which unmasks and checks them.
    private func parsing() throws -> [Reading] {
        try [128, 16 << 10].flatMap { count in
            let payload = [UInt8](repeating: UInt8(ascii: "x"), count: count)
            var frames: [UInt8] = []
            for number in 0..<max(1, (64 << 10) / count) {
                FrameEncoder.append(.text, payload, maskingKey: MaskingKey(UInt32(number) &* 0x9E37_79B9), to: &frames)
            }
            return [
                gigabytes("frame parsing, \(Micro.size(count))", frames.count) { Micro.frames(in: frames) },
                try messages(of: frames, Micro.size(count)),
            ]
        }
    }

    private func messages(of frames: [UInt8], _ size: String) throws -> Reading {
        var connection = try Micro.openConnection()
        return gigabytes("messages read, \(size)", frames.count) {
            frames.withUnsafeBytes { bytes in
                var (position, count) = (0, 0)
                while let event = connection.next(in: bytes, from: &position) {
                    if case .message = event { count += 1 }
                }
                return count
            }
        }
    }

    private static func frames(in bytes: [UInt8]) -> Int {
        var decoder = FrameDecoder(side: .server)
        return bytes.withUnsafeBytes { bytes in
            var (position, count) = (0, 0)
            do throws(PeerFault) {
                while let piece = try decoder.next(in: bytes, from: &position) { if piece.endsFrame { count += 1 } }
                return count
            } catch {
                return 0
            }
        }
    }

    /// A server's, let in by its own client.
    private static func openConnection() throws -> Connection {
        var client = try Connection.client(host: "s1", path: "/")
        var server = Connection.server()
        _ = server.receive(client.takeOutput())
        try server.accept()
        _ = server.takeOutput()
        return server
    }

    private func gigabytes(_ name: String, _ count: Int, _ body: () -> Int) -> Reading {
        Reading(name, "GB/s", Double(count) * perSecond(body) / 1e9)
    }

    private static func size(_ count: Int) -> String {
        count >= 1 << 20 ? "\(count >> 20) MiB" : count >= 1 << 10 ? "\(count >> 10) KiB" : "\(count) B"
    }
}
