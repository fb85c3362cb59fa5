import Net
import Wire

/// Lines from a descriptor, as they come.
final class LineInput {
    enum Event {
        /// Without its line feed.
        case line([UInt8])
        /// A line had more bytes than this and was left out.
        case tooLong(bytesMax: Int)
        /// The last event.
        case ended
    }

    private var reader: InputReader?
    private var lines = CommandLines(bytesMax: ClientLine.bytesMax)
    private let receive: (Event) -> Void
    private var isEnded = false

    /// The descriptor stays the caller's. Letting go of the object ends the reading.
    init(loop: EventLoop, descriptor: Int32, receive: @escaping (Event) -> Void) throws(StartFault) {
        self.receive = receive
        do throws(NetError) {
            reader = try InputReader(loop: loop, descriptor: descriptor) { [weak self] event in self?.read(event) }
        } catch { throw StartFault(.failure, error.description) }
    }

    private func read(_ event: InputReader.Event) {
        guard !isEnded else { return }
        switch event {
        case .bytes(let bytes):
            lines.append(bytes)
            take()
        case .ended, .failed:
            isEnded = true
            let rest = lines.rest()
            if !rest.isEmpty { receive(.line(rest)) }
            receive(.ended)
        }
    }

    private func take() {
        while true {
            do {
                guard let line = try lines.next() else { return }
                receive(.line(line))
            } catch {
                lines.skipLine()
                receive(.tooLong(bytesMax: error.bytesMax))
            }
        }
    }
}
