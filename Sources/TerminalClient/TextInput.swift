import Glibc
import Net
import Wire

/// The words of a script on standard input.
enum TextInput {
    enum Answer {
        case text(String)
        case interrupted(Signal)
    }

    /// All of standard input but one newline at its end.
    static func read() throws(StartFault) -> Answer {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            // Signals are blocked, so waiting looks for them itself.
            if let signal = PendingSignals.first { return .interrupted(signal) }
            var wait = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, 100) > 0 else { continue }
            let count = Glibc.read(0, &chunk, chunk.count)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count >= 0 else {
                throw StartFault(.failure, "standard input: \(StandardStreams.reason(errno))")
            }
            if count == 0 { break }
            bytes.append(contentsOf: chunk.prefix(count))
            // One more for the newline.
            guard bytes.count <= Envelope.textBytesMax + 1 else {
                throw StartFault(
                    .failure, "standard input has more than the \(Envelope.textBytesMax) bytes of a message")
            }
        }
        if bytes.last == 0x0A { bytes.removeLast() }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw StartFault(.failure, "standard input is no UTF-8")
        }
        return .text(text)
    }
}
