import Glibc
import Store
import Wire

/// Standard output and error, for the lines that a person or a script waits for.
enum Console {
    static func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    static func complain(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}

/// A file that a person named, read whole.
enum NamedFile {
    static func read(_ path: String, bytesMax: Int) throws(SetupError) -> [UInt8] {
        let bytes: [UInt8]?
        do throws(FileFault) { bytes = try WholeFile.read(path, bytesMax: bytesMax) } catch {
            throw SetupError(file: path, line: nil, text: error.text)
        }
        guard let bytes else { throw SetupError(file: path, line: nil, text: "cannot be read: there is no such file") }
        return bytes
    }
}
