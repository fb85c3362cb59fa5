/// RFC 1951, bit by bit and without zlib: what a compressed message means.
struct ReferenceInflate {
    enum Outcome: Equatable {
        case message([UInt8])
        /// The bits mean nothing, or end inside a block.
        case notDeflate
        /// More than was asked for; the rest was not looked at.
        case tooLong
    }

    private struct Broken: Error {}
    private struct TooLong: Error {}

    /// The end of what came before, which the message may refer to.
    private(set) var window: [UInt8] = []
    /// Something referred farther back than `windowBytes`. Readers differ in what they do then: zlib refuses it only
    /// where it no longer has the bytes.
    private(set) var lookedTooFar = false
    private let windowBytes: Int
    /// What the last message came to, or what was made of it before its fault.
    private(set) var made: [UInt8] = []
    private var input: [UInt8] = []
    private var bit = 0
    private var bytesMax = 0

    var bytesMade: Int { made.count }

    init(windowBits: Int) { windowBytes = 1 << windowBits }

    /// The message whose blocks are `compressed` and the tail that is not sent (RFC 7692 §7.2.2).
    mutating func message(_ compressed: [UInt8], bytesMax: Int, keepsContext: Bool) -> Outcome {
        input = compressed + [0x00, 0x00, 0xFF, 0xFF]
        (bit, made, self.bytesMax) = (0, [], bytesMax)
        do {
            while bit < input.count * 8 { try block() }
        } catch is TooLong { return .tooLong } catch { return .notDeflate }
        window = keepsContext ? (window + made).suffix(32_768) : []
        return .message(made)
    }

    private mutating func bits(_ count: Int) throws -> Int {
        var value = 0
        for place in 0..<count {
            guard bit < input.count * 8 else { throw Broken() }
            value |= Int(input[bit / 8] >> UInt8(bit % 8) & 1) << place
            bit += 1
        }
        return value
    }

    private mutating func block() throws {
        let isLast = try bits(1) == 1
        switch try bits(2) {
        case 0: try storedBlock()
        case 1: try codedBlock(ReferenceInflate.fixedLengths, ReferenceInflate.fixedDistances)
        case 2:
            let (lengths, distances) = try dynamicCodes()
            try codedBlock(lengths, distances)
        default: throw Broken()
        }
        // RFC 7692 §7.2.3.4: others may follow a last block, at the next whole byte.
        if isLast { bit = (bit + 7) / 8 * 8 }
    }

    private mutating func storedBlock() throws {
        bit = (bit + 7) / 8 * 8
        let length = try bits(16)
        guard try bits(16) == length ^ 0xFFFF else { throw Broken() }
        guard bit / 8 + length <= input.count else { throw Broken() }
        for _ in 0..<length {
            try append(input[bit / 8])
            bit += 8
        }
    }

    private mutating func append(_ byte: UInt8) throws {
        guard made.count < bytesMax else { throw TooLong() }
        made.append(byte)
    }

    private mutating func codedBlock(_ lengths: Code, _ distances: Code) throws {
        while true {
            let symbol = try decode(lengths)
            switch symbol {
            case 0..<256: try append(UInt8(symbol))
            case 256: return
            case 257..<286:
                let (base, extra) = ReferenceInflate.lengths[symbol - 257]
                let length = try base + bits(extra)
                let distanceSymbol = try decode(distances)
                guard distanceSymbol < 30 else { throw Broken() }
                let (far, farExtra) = ReferenceInflate.distances[distanceSymbol]
                try copy(length, from: try far + bits(farExtra))
            default: throw Broken()
            }
        }
    }

    private mutating func copy(_ length: Int, from distance: Int) throws {
        guard distance <= made.count + window.count else { throw Broken() }
        if distance > windowBytes { lookedTooFar = true }
        for _ in 0..<length {
            let place = made.count - distance
            try append(place >= 0 ? made[place] : window[window.count + place])
        }
    }

    /// RFC 1951 §3.2.7.
    private mutating func dynamicCodes() throws -> (Code, Code) {
        let (lengthCount, distanceCount, codeCount) = (try bits(5) + 257, try bits(5) + 1, try bits(4) + 4)
        guard lengthCount <= 286, distanceCount <= 30 else { throw Broken() }
        var codeLengths = [Int](repeating: 0, count: 19)
        for place in ReferenceInflate.codeOrder.prefix(codeCount) { codeLengths[place] = try bits(3) }
        let code = try Code(codeLengths, mayBeIncomplete: false)
        var all: [Int] = []
        while all.count < lengthCount + distanceCount {
            let symbol = try decode(code)
            let repeated: (length: Int, count: Int)
            switch symbol {
            case 16:
                guard let last = all.last else { throw Broken() }
                repeated = (last, 3 + (try bits(2)))
            case 17: repeated = (0, 3 + (try bits(3)))
            case 18: repeated = (0, 11 + (try bits(7)))
            default: repeated = (symbol, 1)
            }
            all += [Int](repeating: repeated.length, count: repeated.count)
        }
        guard all.count == lengthCount + distanceCount, all[256] > 0 else { throw Broken() }
        return (
            try Code(Array(all[..<lengthCount]), mayBeIncomplete: true),
            try Code(Array(all[lengthCount...]), mayBeIncomplete: true)
        )
    }

    /// RFC 1951 §3.2.2: the codes of one length follow each other, in the order of the symbols.
    struct Code {
        /// By length, the symbols that have it.
        let symbols: [[Int]]

        init(_ lengths: [Int], mayBeIncomplete: Bool) throws {
            var symbols = [[Int]](repeating: [], count: 16)
            for (symbol, length) in lengths.enumerated() where length > 0 { symbols[length].append(symbol) }
            let used = (1...15).reduce(0) { $0 + symbols[$1].count << (15 - $1) }
            guard used <= 1 << 15 else { throw Broken() }
            // As zlib has it: a code with gaps is sound if it is one symbol of one bit, or none at all.
            let isAlone = symbols.allSatisfy { $0.isEmpty } || used == 1 << 14 && symbols[1].count == 1
            guard used == 1 << 15 || mayBeIncomplete && isAlone else { throw Broken() }
            self.symbols = symbols
        }
    }

    private mutating func decode(_ code: Code) throws -> Int {
        var (value, first) = (0, 0)
        for length in 1...15 {
            value = value << 1 | (try bits(1))
            let symbols = code.symbols[length]
            if value - first < symbols.count { return symbols[value - first] }
            first = (first + symbols.count) << 1
        }
        throw Broken()
    }

    private static let codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    private static let lengths: [(base: Int, extra: Int)] =
        [3, 4, 5, 6, 7, 8, 9, 10].map { ($0, 0) } + [11, 13, 15, 17].map { ($0, 1) } + [19, 23, 27, 31].map { ($0, 2) }
        + [35, 43, 51, 59].map { ($0, 3) } + [67, 83, 99, 115].map { ($0, 4) } + [131, 163, 195, 227].map { ($0, 5) }
        + [(258, 0)]
    private static let distances: [(base: Int, extra: Int)] =
        [(1, 0), (2, 0)]
        + (0..<14).flatMap { extra in [(2 << extra + 1, extra), (3 << extra + 1, extra)] }
    private static let fixedLengths = fixed(
        [(144, 8), (112, 9), (24, 7), (8, 8)].flatMap { [Int](repeating: $0.1, count: $0.0) })
    private static let fixedDistances = fixed([Int](repeating: 5, count: 32))

    private static func fixed(_ lengths: [Int]) -> Code {
        do { return try Code(lengths, mayBeIncomplete: false) } catch { broken("the fixed code of RFC 1951 is none") }
    }
}
