import Wire

/// `LinkMessage` and what travels in it: `Envelope`, `Draft`, `MessageContent`. All of them read the input, as none
/// knows whose it is; whatever is accepted is written and read again as the same.
enum LinksTarget {
    static func run(_ input: inout Input) {
        let bytes = input.rest()
        readMessage(bytes)
        read(bytes, { value throws(Refusal) in try Envelope(decoding: value) }, { $0.encoded() })
        read(bytes, { value throws(Refusal) in try Draft(decoding: value) }, { $0.encoded() })
        read(bytes, { value throws(Refusal) in try MessageContent(decoding: value) }, { $0.encoded() })
    }

    private static func readMessage(_ bytes: [UInt8]) {
        guard var message = answer({ () throws(Refusal) in try LinkMessage(decoding: bytes) }) else { return }
        if case .skip(let seq, let unreadable) = message {
            if let unreadable { JSONTarget.check(unreadable) }
            // Why a place is skipped is never sent.
            message = .skip(seq: seq)
        }
        check(
            message, message.encoded(), { value throws(Refusal) in try LinkMessage(decoding: value) }, { $0.encoded() })
    }

    private static func read<Value: Equatable>(
        _ bytes: [UInt8], _ decode: ([UInt8]) throws(Refusal) -> Value, _ encode: (Value) -> [UInt8]
    ) {
        guard let value = answer({ () throws(Refusal) in try decode(bytes) }) else { return }
        check(value, encode(value), decode, encode)
    }

    private static func check<Value: Equatable>(
        _ value: Value, _ written: [UInt8], _ decode: ([UInt8]) throws(Refusal) -> Value, _ encode: (Value) -> [UInt8]
    ) {
        hold(!written.contains { $0 < 0x20 }, "control characters are written as they are")
        do throws(Refusal) {
            let again = try decode(written)
            hold(again == value && encode(again) == written, "\(Value.self) written anew reads otherwise")
        } catch { broken("\(Value.self) of our own is refused: \(error.text)") }
    }
}
