import Testing
import WebSocket

/// What a frame's length may say, in each of its three forms (RFC 6455 §5.2).
struct LengthVector: Sendable, CustomTestStringConvertible {
    enum Form: UInt8, Sendable { case short = 0, two = 126, eight = 127 }

    let form: Form
    let length: UInt64
    /// nil if it is taken.
    let code: CloseCode?

    static let messageBytesMax: UInt64 = 70_000

    init(_ form: Form, _ length: UInt64) {
        self.form = form
        self.length = length
        let isMinimal =
            switch form {
            case .short: length <= 125
            case .two: 126...0xFFFF ~= length
            case .eight: 0x1_0000...UInt64(Int64.max) ~= length
            }
        code = !isMinimal ? .protocolError : length > LengthVector.messageBytesMax ? .messageTooBig : nil
    }

    var testDescription: String { "\(length) as \(form)" }

    func header(maskedWith key: [UInt8]?) -> [UInt8] {
        let count = [Form.short: 0, .two: 2, .eight: 8][form] ?? 0
        let short = form == .short ? UInt8(length) : form.rawValue
        let bytes = (0..<count).reversed().map { UInt8(length >> (UInt64($0) * 8) & 255) }
        return [0x82, short | (key == nil ? 0 : 0x80)] + bytes + (key ?? [])
    }
}

private let vectors: [LengthVector] =
    [0, 1, 124, 125].map { LengthVector(.short, $0) }
    + [0, 1, 125, 126, 127, 65_534, 65_535].map { LengthVector(.two, $0) }
    + [
        0, 125, 126, 65_535, 65_536, 65_537, 69_999, 70_000, 70_001, 1 << 31 - 1, 1 << 31, 1 << 32 - 1, 1 << 32,
        1 << 40,
        1 << 62, 1 << 63 - 1, 1 << 63, 1 << 63 + 1, .max - 1, .max,
    ].map { LengthVector(.eight, $0) }

struct LengthTests {
    private static func open(_ side: Side) throws -> Connection {
        var limits = Limits()
        limits.messageBytesMax = Int(LengthVector.messageBytesMax)
        return side == .server ? try openServer(limits: limits) : try openClient(limits: limits)
    }

    /// Cut in two at each place, the outcome is the same; what is taken lacks no more than its payload.
    @Test(arguments: vectors, [Side.server, .client])
    func isTakenOrRefusedAtEachCut(_ vector: LengthVector, side: Side) throws {
        let header = vector.header(maskedWith: side == .server ? testKey : nil)
        for cut in 0...header.count {
            var connection = try LengthTests.open(side)
            let events = connection.receive(Array(header[..<cut])) + connection.receive(Array(header[cut...]))
            guard let code = vector.code else {
                #expect(events == (vector.length == 0 ? [.message(.binary([]))] : []))
                #expect(connection.hasUnfinishedMessage == (vector.length > 0))
                continue
            }
            #expect(events.count == 1)
            #expect(closeCode(of: events) == code)
            #expect(connection.isClosed)
        }
    }

    /// The same behind a fragment, to whose length it is added.
    @Test(arguments: vectors, chunkings)
    func isAddedToTheFragmentsBefore(_ vector: LengthVector, size: Int) throws {
        var server = try LengthTests.open(.server)
        #expect(server.receive(frame(0x02, "abc"), inChunksOf: size).isEmpty)
        let header = [0x80] + vector.header(maskedWith: testKey).dropFirst()
        let events = server.receive(header, inChunksOf: size)
        let fits = vector.length <= LengthVector.messageBytesMax - 3
        let code = vector.code ?? (fits ? nil : .messageTooBig)
        #expect(closeCode(of: events) == code)
        if code == nil { #expect(events == (vector.length == 0 ? [.message(.binary(Array("abc".utf8)))] : [])) }
    }
}
