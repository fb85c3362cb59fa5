import Glibc
import Wire

enum StandardStreams {
    /// Makes sure that 0, 1 and 2 are open. Otherwise the first files and sockets of the program would take these
    /// numbers, and events would be written into the profile. Call it before anything is opened.
    static func occupy() {
        for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is taken, and that is this one.
            _ = open("/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY)
        }
    }

    /// A sentence for whoever started the program.
    static func tell(_ text: String) {
        let bytes = Array("postroad: \(SafeText(text))\n".utf8)
        _ = write(2, bytes, bytes.count)
    }

    /// What a call that failed with this number says of it.
    static func reason(_ errno: Int32) -> String { String(cString: strerror(errno)) }
}
