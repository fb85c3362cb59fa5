import Glibc

/// What a node said, as far as a load has to know. Read by its first bytes, which the node's encoder fixes, and not as
/// JSON; whatever looks otherwise is `other`.
enum Answer: Equatable {
    case pong
    case ping
    /// Somebody's words, ours included.
    case message
    /// A state of the message with this number, see `MessageLines`.
    case accepted(UInt64)
    case delivered(UInt64)
    /// Presence and the like, which no load waits for.
    case aside
    case other

    init(_ line: UnsafeRawBufferPointer) {
        if line.begins(with: "{\"tag\":\"message\"") {
            self = .message
        } else if line.begins(with: Answer.stateOpening) {
            self = Answer.state(line)
        } else if line.begins(with: "{\"tag\":\"pong\"") {
            self = .pong
        } else if line.begins(with: "{\"tag\":\"ping\"") {
            self = .ping
        } else if line.begins(with: "{\"tag\":\"presence\"") || line.begins(with: "{\"tag\":\"servers\"") {
            self = .aside
        } else {
            self = .other
        }
    }

    private static let stateOpening: StaticString = "{\"tag\":\"state\",\"id\":\""

    private static func state(_ line: UnsafeRawBufferPointer) -> Answer {
        let id = stateOpening.utf8CodeUnitCount
        guard let number = MessageLines.number(in: line, at: id) else { return .other }
        let rest = UnsafeRawBufferPointer(rebasing: line[(id + MessageLines.idBytes)...])
        if rest.begins(with: "\",\"state\":\"accepted\"") { return .accepted(number) }
        return rest.begins(with: "\",\"state\":\"delivered\"") ? .delivered(number) : .other
    }
}

extension UnsafeRawBufferPointer {
    func begins(with text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count >= length, let start = baseAddress else { return false }
        return memcmp(start, text.utf8Start, length) == 0
    }
}
