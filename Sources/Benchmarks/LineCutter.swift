import Glibc

/// Cuts what a node sends into lines without copying those that arrive whole: a load has to cost less than what it
/// measures.
struct LineCutter {
    private var rest: [UInt8] = []

    /// Each line without its line feed; the pointer is valid during the call only.
    mutating func cut(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var bytes = bytes
        if !rest.isEmpty {
            guard let end = LineCutter.end(of: bytes) else { return rest.append(contentsOf: bytes) }
            rest.append(contentsOf: bytes[..<end])
            bytes = UnsafeRawBufferPointer(rebasing: bytes[(end + 1)...])
            rest.withUnsafeBytes(body)
            rest.removeAll(keepingCapacity: true)
        }
        while let end = LineCutter.end(of: bytes) {
            body(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
            bytes = UnsafeRawBufferPointer(rebasing: bytes[(end + 1)...])
        }
        rest.append(contentsOf: bytes)
    }

    private static func end(of bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress, let found = memchr(start, 0x0A, bytes.count) else { return nil }
        return UnsafeRawPointer(found) - start
    }
}
