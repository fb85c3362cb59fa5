import Bytes
import Wire

/// Lines that say one thing again and again, each under an id of its own that holds its number. Only the id changes
/// from one to the next, so making a line costs next to nothing. For sealed words this means that one box goes out under
/// many ids: no reader could open it, but a node cannot tell.
struct MessageLines {
    /// Lines made so far; the number of the next one.
    private(set) var count: UInt64 = 0
    private var line: [UInt8]
    private let digits: Range<Int>

    /// In characters.
    static let idBytes = 36
    /// The last group of a UUID. 48 bits are enough for every run.
    private static let numberBytes = 12

    init(to: Conversation, at: Int64, body: Envelope.Body) throws(BenchmarkFault) {
        let id = MessageID(milliseconds: at, random: (0, 0))
        let line = ClientLine.message(Draft(id: id, to: to, at: at, body: body)).encoded()
        let text = Array(id.text.utf8)
        guard let place = line.indices.first(where: { line[$0...].starts(with: text) }) else {
            throw BenchmarkFault("a message line holds no id")
        }
        self.line = line
        let end = place + text.count
        digits = (end - MessageLines.numberBytes)..<end
    }

    mutating func next() -> [UInt8] {
        var number = count
        for index in digits.reversed() {
            let digit = UInt8(truncatingIfNeeded: number & 0xF)
            line[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            number >>= 4
        }
        count += 1
        return line
    }

    /// The number in the id that begins at `place`.
    static func number(in line: UnsafeRawBufferPointer, at place: Int) -> UInt64? {
        guard place >= 0, place + idBytes <= line.count else { return nil }
        var number: UInt64 = 0
        for byte in line[(place + idBytes - numberBytes)..<(place + idBytes)] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }

    /// The number of the message that a node shows.
    static func number(ofMessage line: UnsafeRawBufferPointer) -> UInt64? {
        let opening: StaticString = "\"id\":\""
        let length = opening.utf8CodeUnitCount
        let place = line.indices.first { UnsafeRawBufferPointer(rebasing: line[$0...]).begins(with: opening) }
        return place.flatMap { number(in: line, at: $0 + length) }
    }
}
