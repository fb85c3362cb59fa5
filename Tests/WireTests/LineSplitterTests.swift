import Testing
import Wire

struct LineSplitterTests {
    /// Feeds `bytes` in chunks and takes out what can be had after each, as drivers do.
    private func lines(
        of bytes: [UInt8], inChunksOf size: Int, lineBytesMax: Int = 32
    ) -> (lines: [String], refusal: Refusal?) {
        var splitter = LineSplitter(lineBytesMax: lineBytesMax)
        var lines: [String] = []
        for chunk in bytes.chunks(of: size) {
            splitter.receive(chunk)
            do throws(Refusal) {
                while let line = try splitter.next() { lines.append(text(line)) }
            } catch { return (lines, error) }
        }
        return (lines, nil)
    }

    static let chunkSizes = [1, 2, 3, 64, 1 << 20]

    @Test(arguments: chunkSizes) func cutsLines(_ size: Int) {
        let cut = lines(of: Array("{}\n{\"a\":\"é\"}\r\n\n\n  \nlast\nunfinished".utf8), inChunksOf: size)
        #expect(cut.lines == ["{}", "{\"a\":\"é\"}\r", "  ", "last"])
        #expect(cut.refusal == nil)
    }

    @Test(arguments: chunkSizes) func aLineMayBeAsLongAsTheLimit(_ size: Int) {
        let fits = String(repeating: "x", count: 32)
        let cut = lines(of: Array("\(fits)\n\(fits)\n".utf8), inChunksOf: size)
        #expect(cut.lines == [fits, fits] && cut.refusal == nil)
    }

    @Test(arguments: chunkSizes, ["\n{}\n", ""])
    func oneByteMoreIsTooLong(_ size: Int, _ rest: String) {
        let cut = lines(of: Array("{}\n\(String(repeating: "x", count: 33))\(rest)".utf8), inChunksOf: size)
        #expect(cut.lines == ["{}"])
        #expect(cut.refusal == Refusal(.tooLong, "a line may have at most 32 bytes at this point"))
    }

    /// It does not wait for the line feed, and what it has refused it does not keep.
    @Test func refusesAsSoonAsTheLimitIsPassed() throws {
        var splitter = LineSplitter(lineBytesMax: 4)
        splitter.receive(Array("xxxx".utf8))
        #expect(try splitter.next() == nil)
        splitter.receive(Array("x".utf8))
        #expect(refusal { () throws(Refusal) in try splitter.next() }?.code == .tooLong)
        splitter.lineBytesMax = 64
        splitter.receive(Array("\n{}\n".utf8))
        #expect(refusal { () throws(Refusal) in try splitter.next() }?.code == .tooLong)
        [UInt8]("\n{}\n".utf8).withUnsafeBytes { splitter.receive($0) }
        #expect(refusal { () throws(Refusal) in try splitter.next() }?.code == .tooLong)
    }

    @Test(arguments: chunkSizes) func theLimitRisesInTheMiddleOfAChunk(_ size: Int) throws {
        let long = String(repeating: "y", count: 100)
        var splitter = LineSplitter(lineBytesMax: 8)
        var lines: [String] = []
        for chunk in Array("login\n\(long)\n".utf8).chunks(of: size) {
            chunk.withUnsafeBytes { splitter.receive($0) }
            while let line = try splitter.next() {
                lines.append(text(line))
                splitter.lineBytesMax = 100
            }
        }
        #expect(lines == ["login", long])
    }

    @Test(arguments: chunkSizes) func emptyLinesAreCounted(_ size: Int) {
        let empty = String(repeating: "\n", count: LineSplitter.emptyLinesMax)
        let cut = lines(of: Array("{}\n\(empty){}\n\(empty){}\n".utf8), inChunksOf: size)
        #expect(cut.lines == ["{}", "{}", "{}"] && cut.refusal == nil)
        let flood = lines(of: Array("{}\n\(empty)\n{}\n".utf8), inChunksOf: size)
        #expect(flood.lines == ["{}"] && flood.refusal?.code == .malformedJSON)
    }

    @Test(
        arguments: ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"], chunkSizes)
    func recognisesHTTP(_ verb: String, _ size: Int) {
        let request = Array("\(verb) / HTTP/1.1\r\nHost: s1\r\n\r\n{\"tag\":\"bye\"}\n".utf8)
        let cut = lines(of: request, inChunksOf: size)
        #expect(cut.lines.isEmpty)
        #expect(cut.refusal?.code == .notPostroad && cut.refusal?.text.contains("HTTP") == true)
        // The verb alone suffices: no line feed has to come.
        #expect(lines(of: Array("\(verb) ".utf8), inChunksOf: size).refusal?.code == .notPostroad)
    }

    @Test(
        arguments: ["GETTING", "get / HTTP/1.1", "PRIVATE", "OPTION", "G", "{\"tag\":\"GET \"}", "POS", "CONNECTED "],
        chunkSizes)
    func otherOpeningsAreLines(_ opening: String, _ size: Int) {
        let cut = lines(of: Array("\(opening)\n".utf8), inChunksOf: size)
        #expect(cut.lines == [opening] && cut.refusal == nil)
    }

    @Test(arguments: chunkSizes) func onlyTheOpeningIsLookedAt(_ size: Int) {
        let cut = lines(of: Array("{}\nGET / HTTP/1.1\r\n\u{16}\n".utf8), inChunksOf: size)
        #expect(cut.lines == ["{}", "GET / HTTP/1.1\r", "\u{16}"] && cut.refusal == nil)
    }

    @Test(arguments: chunkSizes) func recognisesTLS(_ size: Int) {
        let cut = lines(of: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01], inChunksOf: size)
        #expect(cut.lines.isEmpty)
        #expect(cut.refusal?.code == .notPostroad && cut.refusal?.text.contains("TLS") == true)
    }

    /// Byte by byte, a splitter that searched from the front again would look at 2 × 10⁹ bytes here.
    @Test(.timeLimit(.minutes(1))) func aLongLineComesByteByByte() throws {
        var splitter = LineSplitter(lineBytesMax: 60_000)
        for _ in 0..<60_000 {
            splitter.receive(CollectionOfOne(UInt8(ascii: "x")))
            #expect(try splitter.next() == nil)
        }
        splitter.receive(CollectionOfOne(0x0A))
        #expect(try splitter.next()?.count == 60_000)
    }

    @Test func randomLinesInRandomChunks() throws {
        var random = SplitMix64(seed: 7)
        for _ in 0..<300 {
            let sent = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                String(repeating: "z", count: Int.random(in: 0...40, using: &random))
            }
            var rest = Array(sent.map { $0 + "\n" }.joined().utf8)[...]
            var splitter = LineSplitter(lineBytesMax: 40)
            var lines: [String] = []
            while !rest.isEmpty {
                let size = Int.random(in: 1...60, using: &random)
                splitter.receive(rest.prefix(size))
                rest = rest.dropFirst(size)
                while let line = try splitter.next() { lines.append(text(line)) }
            }
            #expect(lines == sent.filter { !$0.isEmpty })
        }
    }
}
