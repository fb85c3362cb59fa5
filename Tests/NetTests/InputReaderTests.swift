import Glibc
import Net
import Testing

@Suite struct InputReaderTests {
    private struct Pipe {
        let reading: Int32
        let writing: Int32

        init() {
            var ends: [Int32] = [0, 0]
            #expect(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
        }

        func write(_ bytes: [UInt8]) { #expect(Glibc.write(writing, bytes, bytes.count) == bytes.count) }
    }

    @Test func bytesAndEndOfAPipe() throws {
        let pipe = Pipe()
        defer { close(pipe.reading) }
        let bytes = randomBytes(50_000, seed: 2)
        var received: [UInt8] = []
        var ends = 0
        try withLoop { loop in
            let reader = try InputReader(loop: loop, descriptor: pipe.reading) { event in
                switch event {
                case .bytes(let more):
                    #expect(ends == 0)
                    #expect(!more.isEmpty)
                    received += more
                case .ended:
                    ends += 1
                    loop.stop()
                case .failed: Issue.record("\(event)")
                }
            }
            pipe.write(bytes)
            close(pipe.writing)
            loop.schedule(after: .seconds(30)) { _ = reader }
        }
        #expect(received == bytes)
        #expect(ends == 1)
    }

    /// epoll refuses these.
    @Test func anOrdinaryFile() throws {
        let file = open("/proc/self/exe", O_RDONLY)
        defer { close(file) }
        var count = 0
        try withLoop { loop in
            let reader = try InputReader(loop: loop, descriptor: file) { event in
                if case .bytes(let bytes) = event { count += bytes.count }
                if event == .ended || count > 200_000 { loop.stop() }
            }
            loop.schedule(after: .seconds(30)) { _ = reader }
        }
        #expect(count > 0)
    }

    @Test func aFailureIsTold() throws {
        var events: [InputReader.Event] = []
        try withLoop { loop in
            let directory = open("/", O_RDONLY)
            let reader = try InputReader(loop: loop, descriptor: directory) { event in
                events.append(event)
                loop.stop()
            }
            loop.schedule(after: .seconds(30)) { _ = (reader, close(directory)) }
        }
        #expect(events == [.failed(errno: EISDIR)])
    }

    @Test func stoppedItReadsNoMore() throws {
        let pipe = Pipe()
        defer {
            close(pipe.reading)
            close(pipe.writing)
        }
        var received: [UInt8] = []
        try withLoop { loop in
            var reader: InputReader?
            reader = try InputReader(loop: loop, descriptor: pipe.reading) { event in
                guard case .bytes(let bytes) = event else { return }
                received += bytes
                reader?.stop()
                reader = nil
                pipe.write([2])
                loop.schedule(after: .milliseconds(20)) { loop.stop() }
            }
            pipe.write([1])
        }
        #expect(received == [1])
    }
}
