import TerminalClient
import Testing

@Suite struct CommandLinesTests {
    @Test(arguments: [1, 2, 3, 64]) func cutsLinesInEveryChunking(_ size: Int) throws {
        let bytes = Array("one\n\nthree\nrest".utf8)
        var queue = CommandLines(bytesMax: 5)
        var lines: [String] = []
        var start = 0
        while start < bytes.count {
            queue.append(bytes[start..<min(start + size, bytes.count)])
            start += size
            while let line = try queue.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        }
        #expect(lines == ["one", "", "three"])
        #expect(queue.rest() == Array("rest".utf8))
    }

    @Test(arguments: [1, 4, 64]) func leavesOutALineThatIsTooLong(_ size: Int) {
        let bytes = Array("123456789\nok\n".utf8)
        var queue = CommandLines(bytesMax: 5)
        var lines: [String] = []
        var faults = 0
        var start = 0
        while start < bytes.count {
            queue.append(bytes[start..<min(start + size, bytes.count)])
            start += size
            while true {
                do {
                    guard let line = try queue.next() else { break }
                    lines.append(String(decoding: line, as: UTF8.self))
                } catch {
                    faults += 1
                    queue.skipLine()
                }
            }
        }
        #expect(lines == ["ok"])
        #expect(faults == 1)
    }
}
