import Bytes
import Testing
import WebSocket
import Wire

/// Every golden line and message, with the envelopes and the JSON in it, through the framing that carries it, in pieces
/// of every size: what was said arrives, whole and in order.
@Suite struct ChunkingTests {
    static let sizes = [1, 2, 3, 64, Int.max]

    private func lines(_ bytes: [UInt8], inPiecesOf size: Int, bytesMax: Int) throws(Refusal) -> [JSONObject] {
        var splitter = LineSplitter(lineBytesMax: bytesMax)
        var objects: [JSONObject] = []
        for piece in bytes.chunks(of: size) {
            splitter.receive(piece)
            while let line = try splitter.next() { objects.append(try JSONObject(message: line)) }
        }
        return objects
    }

    @Test(arguments: sizes) func clientLines(size: Int) throws {
        let goldens = try ClientLineCodingTests.goldens()
        let bytes = goldens.flatMap { $0.value.encoded() }
        let read = try lines(bytes, inPiecesOf: size, bytesMax: ClientLine.bytesMax).map { try ClientLine($0) }
        #expect(read == goldens.map(\.value))
    }

    @Test(arguments: sizes) func nodeLines(size: Int) throws {
        let goldens = try NodeLineCodingTests.goldens()
        let bytes = goldens.flatMap { $0.value.encoded() }
        let read = try lines(bytes, inPiecesOf: size, bytesMax: NodeLine.bytesMax).map { try NodeLine($0) }
        #expect(read == goldens.map(\.value))
    }

    @Test(arguments: sizes) func linkMessages(size: Int) throws {
        let goldens = try LinkMessageCodingTests.goldens()
        var dialler = try Connection.client(host: "s2", path: "/")
        var acceptor = Connection.server()
        _ = acceptor.receive(dialler.takeOutput())
        try acceptor.accept()
        #expect(dialler.receive(acceptor.takeOutput()) == [.opened])
        for golden in goldens { try dialler.send(.text(golden.value.encoded())) }
        var read: [LinkMessage] = []
        for piece in dialler.takeOutput().chunks(of: size) {
            for case .message(.text(let bytes)) in acceptor.receive(Array(piece)) {
                read.append(try LinkMessage(decoding: bytes))
            }
        }
        #expect(read == goldens.map(\.value))
    }
}
