/// Turns the bytes of a terminal in raw mode into keys, whatever chunks they come in. Unknown sequences are ignored,
/// broken UTF-8 becomes U+FFFD.
package struct KeyDecoder: Sendable {
    /// How long to wait after an ESC for the rest of a sequence before calling `flush()`. A terminal sends a sequence
    /// at once; a network may split it.
    package static let escapeTimeout: Duration = .milliseconds(100)
    /// A pasted text; twice what a line holds, so that what fits is never cut here.
    package static let pasteBytesMax = 64 << 10
    /// An escape sequence; keys need under ten bytes. What is longer is ignored to its end without being kept.
    package static let sequenceBytesMax = 32

    private enum State {
        case ground
        case escape
        /// ECMA-48 §5.4: after CSI (ESC [) or SS3 (ESC O); what was collected are parameter and intermediate bytes.
        case sequence(Introducer)
        /// The Linux console's function keys: ESC [ [ and one more byte.
        case console
        /// What was collected ends with as much of the end mark as came. Once too long it is only that.
        case paste(isTooLong: Bool)
    }

    private enum Introducer { case csi, ss3 }

    private var state = State.ground
    /// Beside the state and not in it, where appending would copy it each time.
    private var collected: [UInt8] = []
    private var scalars = ScalarDecoder()

    package init() {}

    /// An ESC or an unfinished sequence is waiting: unless more bytes come within `escapeTimeout`, call `flush()`.
    package var isWaiting: Bool {
        switch state {
        case .ground, .paste: false
        case .escape, .sequence, .console: true
        }
    }

    /// Feeds bytes read from the terminal; what they complete.
    package mutating func receive(_ bytes: [UInt8]) -> [Key] {
        var keys: [Key] = []
        for byte in bytes { take(byte, into: &keys) }
        return keys
    }

    /// Nothing came for `escapeTimeout`: a lone ESC is the Escape key, an unfinished sequence is forgotten. A paste
    /// goes on waiting for its end.
    package mutating func flush() -> [Key] {
        switch state {
        case .ground, .paste: return []
        case .escape:
            state = .ground
            return [.special(.escape)]
        case .sequence, .console:
            state = .ground
            return []
        }
    }

    private mutating func take(_ byte: UInt8, into keys: inout [Key]) {
        switch state {
        case .ground: takeInGround(byte, into: &keys)
        case .escape: takeAfterEscape(byte, into: &keys)
        case .sequence(let introducer): takeInSequence(byte, introducer, into: &keys)
        case .console: state = .ground
        case .paste(let isTooLong): takeInPaste(byte, isTooLong, into: &keys)
        }
    }

    // MARK: Characters

    private mutating func takeInGround(_ byte: UInt8, isAlt: Bool = false, into keys: inout [Key]) {
        if byte == 0x1B {
            if scalars.reset() { keys.append(.character("\u{FFFD}")) }
            state = .escape
            return
        }
        for scalar in scalars.receive(byte) {
            if let key = KeyDecoder.key(of: scalar, isAlt: isAlt) { keys.append(key) }
        }
    }

    /// ESC and a character is how terminals send Alt.
    private mutating func takeAfterEscape(_ byte: UInt8, into keys: inout [Key]) {
        state = .ground
        switch byte {
        case UInt8(ascii: "["): begin(.sequence(.csi))
        case UInt8(ascii: "O"): begin(.sequence(.ss3))
        case 0x1B:
            // The first was the key; this one may begin something.
            keys.append(.special(.escape))
            state = .escape
        case 0x80...:
            // Alt and a character beyond ASCII: nothing is bound to these, so it is taken for typed.
            takeInGround(byte, into: &keys)
        default: takeInGround(byte, isAlt: true, into: &keys)
        }
    }

    private static func key(of scalar: Unicode.Scalar, isAlt: Bool) -> Key? {
        let modifiers: Key.Modifiers = isAlt ? .alt : []
        switch scalar.value {
        case 0x08, 0x7F: return .special(.backspace, modifiers)
        case 0x09: return .special(.tab, modifiers)
        case 0x0A, 0x0D: return .special(.enter, modifiers)
        case 0x01...0x1A: return isAlt ? nil : Unicode.Scalar(scalar.value + 0x60).map { .control($0) }
        case 0x00, 0x1C...0x1F: return isAlt ? nil : Unicode.Scalar(scalar.value + 0x40).map { .control($0) }
        // C1 controls are no keys, and no text.
        case 0x80..<0xA0: return nil
        default: return isAlt ? .alt(scalar) : .character(scalar)
        }
    }

    // MARK: Sequences

    private mutating func begin(_ next: State) {
        collected = []
        state = next
    }

    private mutating func takeInSequence(_ byte: UInt8, _ introducer: Introducer, into keys: inout [Key]) {
        switch byte {
        case UInt8(ascii: "[") where introducer == .csi && collected.isEmpty: state = .console
        case 0x20..<0x40:
            if collected.count < KeyDecoder.sequenceBytesMax { collected.append(byte) }
        case 0x40..<0x7F:
            state = .ground
            guard collected.count < KeyDecoder.sequenceBytesMax, let parameters = KeyDecoder.parameters(collected)
            else {
                return
            }
            if introducer == .csi, byte == UInt8(ascii: "~"), parameters == [200] {
                begin(.paste(isTooLong: false))
            } else if let key = KeyDecoder.key(introducer, parameters, final: byte) {
                keys.append(key)
            }
        default:
            // Not part of a sequence: it was cut off.
            state = .ground
            takeInGround(byte, into: &keys)
        }
    }

    /// Numbers with semicolons between them, an absent one as 0; nil if something else is there.
    private static func parameters(_ bytes: [UInt8]) -> [Int]? {
        guard !bytes.isEmpty else { return [] }
        var numbers: [Int] = []
        for field in bytes.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false) {
            guard field.count <= 4, field.allSatisfy({ (0x30..<0x3A).contains($0) }) else { return nil }
            numbers.append(field.reduce(0) { $0 * 10 + Int($1 - 0x30) })
        }
        return numbers
    }

    /// XTerm Control Sequences, "PC-Style Function Keys"; lower-case letters are rxvt's.
    private static func key(_ introducer: Introducer, _ parameters: [Int], final: UInt8) -> Key? {
        var modifiers: Key.Modifiers = []
        if parameters.count == 2, let bits = parameters.last, (1...16).contains(bits) {
            // Meta is Alt on some terminals.
            modifiers = Key.Modifiers(rawValue: (bits - 1) & 7)
            if (bits - 1) & 8 != 0 { modifiers.insert(.alt) }
        }
        switch final {
        case UInt8(ascii: "~") where introducer == .csi:
            return parameters.first.flatMap { numbered[$0] }.map { .special($0, modifiers) }
        case UInt8(ascii: "^") where introducer == .csi:
            return parameters.first.flatMap { numbered[$0] }.map { .special($0, .control) }
        case UInt8(ascii: "Z") where introducer == .csi: return .special(.tab, .shift)
        case UInt8(ascii: "M") where introducer == .ss3: return .special(.enter)
        case UInt8(ascii: "a")...UInt8(ascii: "d"):
            return lettered[final - 0x20].map { .special($0, introducer == .csi ? .shift : .control) }
        default: return lettered[final].map { .special($0, modifiers) }
        }
    }

    private static let lettered: [UInt8: Key.Special] = [
        UInt8(ascii: "A"): .up, UInt8(ascii: "B"): .down, UInt8(ascii: "C"): .right, UInt8(ascii: "D"): .left,
        UInt8(ascii: "H"): .home, UInt8(ascii: "F"): .end,
    ]
    private static let numbered: [Int: Key.Special] = [
        1: .home, 3: .delete, 4: .end, 5: .pageUp, 6: .pageDown, 7: .home, 8: .end,
    ]

    // MARK: Pastes

    private static let pasteEnd = Array("\u{1B}[201~".utf8)

    private mutating func takeInPaste(_ byte: UInt8, _ isTooLong: Bool, into keys: inout [Key]) {
        let mark = KeyDecoder.pasteEnd
        collected.append(byte)
        if byte == mark.last, collected.suffix(mark.count).elementsEqual(mark) {
            let text = collected.dropLast(mark.count)
            let fits = !isTooLong && text.count <= KeyDecoder.pasteBytesMax
            keys.append(fits ? .paste(String(decoding: text, as: UTF8.self)) : .pasteTooLong)
            begin(.ground)
        } else if collected.count >= KeyDecoder.pasteBytesMax + mark.count {
            collected = Array(collected.suffix(mark.count - 1))
            state = .paste(isTooLong: true)
        }
    }
}
