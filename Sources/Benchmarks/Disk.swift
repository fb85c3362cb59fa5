import Bytes
import Glibc
import Net

/// What the disk alone takes for what every commit has to wait for: 4 KiB written and synchronised.
enum Disk {
    private static let writeBytes = 4096
    private static let seconds = 0.3

    static func measure(_ workshop: Workshop) throws -> [Reading] {
        let path = "\(try workshop.makeFolder())/synchronised"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BenchmarkFault.last("open \(path)") }
        defer { close(descriptor) }
        let page = [UInt8](repeating: 0x5A, count: writeBytes)
        var taken: [Double] = []
        while taken.reduce(0, +) < seconds * 1000 {
            let begun = Clock.now
            guard write(descriptor, page, page.count) == page.count, fdatasync(descriptor) == 0 else {
                throw BenchmarkFault.last("write \(path)")
            }
            taken.append(Double(Clock.now.since(begun).nanosecondsClamped) / 1e6)
        }
        return Reading.percentiles("4 KiB to disk", taken)
    }
}
