import Glibc
import Net

/// Standard output. Writing waits for the reader, so a slow one loses nothing and nothing piles up: the node is read
/// more slowly instead.
struct LineOutput {
    enum Outcome {
        case written
        /// Nobody reads any more.
        case closed
        /// The bytes cannot be kept, as on a full disk.
        case failed(errno: Int32)
        /// A signal came while the reader kept us waiting.
        case interrupted(Signal)
    }

    let descriptor: Int32

    func write(_ bytes: [UInt8]) -> Outcome {
        var sent = 0
        while sent < bytes.count {
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let ready = poll(&wait, 1, LineOutput.waitMilliseconds)
            if ready <= 0 {
                if let signal = PendingSignals.first { return .interrupted(signal) }
                continue
            }
            // A pipe that is ready takes this much without waiting (POSIX: PIPE_BUF).
            let end = min(sent + LineOutput.chunkBytes, bytes.count)
            let count = bytes[sent..<end].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                let number = errno
                guard number == EINTR || number == EAGAIN else {
                    return number == EPIPE ? .closed : .failed(errno: number)
                }
            } else {
                sent += count
            }
        }
        return .written
    }

    private static let chunkBytes = 4096
    private static let waitMilliseconds: Int32 = 200
}
