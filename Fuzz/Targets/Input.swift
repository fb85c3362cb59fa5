/// The bytes that the fuzzer chose. The first ones make the choices of a target, the rest is what it reads. An input
/// that is too short ends in zeros, so that every input means something.
struct Input {
    private let data: UnsafeRawBufferPointer
    private var position = 0

    init(_ data: UnsafePointer<UInt8>?, _ count: Int) { self.data = UnsafeRawBufferPointer(start: data, count: count) }

    var isEmpty: Bool { position == data.count }

    mutating func byte() -> UInt8 {
        guard !isEmpty else { return 0 }
        defer { position += 1 }
        return data[position]
    }

    /// At most `count` bytes.
    mutating func bytes(_ count: Int) -> [UInt8] {
        let end = position + min(count, data.count - position)
        defer { position = end }
        return Array(data[position..<end])
    }

    mutating func rest() -> [UInt8] { bytes(.max) }

    mutating func flag() -> Bool { byte() & 1 != 0 }

    mutating func choice<Element>(of elements: [Element]) -> Element { elements[Int(byte()) % elements.count] }
}

/// How a transport cuts a stream, as one byte of the input says: not at all, byte by byte, into
/// long pieces, or irregularly.
struct Chunking {
    static let whole = Chunking(0)

    private let kind: UInt8
    private var state: UInt64

    init(_ kind: UInt8) {
        self.kind = kind
        state = UInt64(kind)
    }

    /// How many of the `rest` bytes left make the next piece.
    private mutating func size(of rest: Int) -> Int {
        switch kind {
        case 0: return rest
        case 1...3: return min(Int(kind), rest)
        case 4...7: return min(max(300, rest >> Int(1 + kind & 1)), rest)
        default:
            // Knuth's generator (MMIX): what follows from a kind is the same in every run.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let most = 1 << (kind & 7)
            return min(1 + Int(state >> 33) % most, rest)
        }
    }

    /// The same, with long streams in few pieces: they would take the time of a hundred short ones.
    mutating func feedSwiftly(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) -> Void) {
        guard bytes.count > 1000, kind > 0 else { return feed(bytes, body) }
        var swift = Chunking(4 | kind & 3)
        swift.feed(bytes, body)
    }

    /// Calls `body` with one piece after the other, at least once. Each lies in memory of its own and of its exact
    /// size, so reading beside it, or after `body` has returned, is a finding.
    mutating func feed(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) -> Void) {
        var start = 0
        repeat {
            let end = start + size(of: bytes.count - start)
            let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: end - start, alignment: 1)
            defer { piece.deallocate() }
            piece.copyBytes(from: bytes[start..<end])
            body(UnsafeRawBufferPointer(piece))
            start = end
        } while start < bytes.count
    }
}
