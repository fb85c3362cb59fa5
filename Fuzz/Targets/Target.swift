/// What can be fuzzed. Each target takes any input: what the code under test promises holds, or the program ends.
struct Target {
    /// libFuzzer's callback. It is a function of C, which holds nothing; hence a closure for each.
    typealias Entry = @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32

    let name: String
    let entry: Entry

    static let all = [
        Target(name: "handshake") { Target.run(HandshakeTarget.run, $0, $1) },
        Target(name: "frames") { Target.run(FramesTarget.run, $0, $1) },
        Target(name: "messages") { Target.run(MessagesTarget.run, $0, $1) },
        Target(name: "inflate") { Target.run(InflateTarget.run, $0, $1) },
        Target(name: "json") { Target.run(JSONTarget.run, $0, $1) },
        Target(name: "lines") { Target.run(LinesTarget.run, $0, $1) },
        Target(name: "links") { Target.run(LinksTarget.run, $0, $1) },
        Target(name: "bytes") { Target.run(BytesTarget.run, $0, $1) },
        Target(name: "faulty") { Target.run(FaultyTarget.run, $0, $1) },
    ]

    private static func run(_ target: (inout Input) -> Void, _ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
        var input = Input(data, count)
        target(&input)
        return 0
    }
}
