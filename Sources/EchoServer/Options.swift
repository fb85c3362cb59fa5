/// The command line.
struct Options {
    private(set) var port: UInt16 = 0
    private(set) var deflates = false

    /// nil for anything but `--port N [--deflate]`, in any order.
    init?(_ arguments: some Sequence<String>) {
        var hasPort = false
        var rest = Array(arguments)[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--port":
                guard let port = rest.popFirst().flatMap({ UInt16($0) }) else { return nil }
                self.port = port
                hasPort = true
            case "--deflate": deflates = true
            default: return nil
            }
        }
        guard hasPort else { return nil }
    }
}
