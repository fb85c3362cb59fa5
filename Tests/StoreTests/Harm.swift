import Glibc
import Testing

/// What a crash at some moment leaves of a database: its file, and the log cut where the disk had got to.
func crash(_ path: String, logBytes: Int, into other: String) throws {
    try writeFile(other, try readFile(path))
    try writeFile(other + "-wal", try readFile(path + "-wal").prefix(logBytes))
}

/// Flips one bit of every place where a file has these bytes.
func flip(_ path: String, _ needle: String, bit: Int) throws {
    var bytes = try readFile(path)
    let pattern = Array(needle.utf8)
    var count = 0
    for start in 0..<(bytes.count - pattern.count) where bytes[start] == pattern[0] {
        guard Array(bytes[start..<(start + pattern.count)]) == pattern else { continue }
        bytes[start + bit / 8 % pattern.count] ^= 1 << UInt8(bit % 8)
        count += 1
    }
    try #require(count > 0)
    try writeFile(path, bytes)
}

/// Puts another file in the place of an open one, as if the disk under it had changed its mind.
func replaceDescriptor(of path: String, by other: String, _ flags: Int32) throws {
    var replaced = 0
    for descriptor in Int32(3)..<1024 {
        var name = [UInt8](repeating: 0, count: 512)
        let count = name.withUnsafeMutableBytes { buffer in
            buffer.baseAddress.map { readlink("/proc/self/fd/\(descriptor)", $0, buffer.count) } ?? -1
        }
        guard count > 0, String(decoding: name.prefix(count), as: UTF8.self) == path else { continue }
        let substitute = open(other, flags | O_CLOEXEC)
        try #require(substitute >= 0)
        try #require(dup2(substitute, descriptor) == descriptor)
        close(substitute)
        replaced += 1
    }
    try #require(replaced > 0)
}
