/// Names one run of a node's store, from one opening to the next: 64 random bits, written as 16 hex digits. A store that
/// does not know a run which somebody has met, or did not come as far in it, was put back from a backup since.
package struct Run: Hashable, Sendable, CustomStringConvertible {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package init?(_ text: String) {
        guard let epoch = Epoch(text) else { return nil }
        value = epoch.value
    }

    package var text: String { Epoch(value).text }
    package var description: String { text }
}

/// A run that a client has met.
package struct MetRun: Hashable, Sendable {
    package let run: Run
    /// How far the client's knowledge is of that run: where it ended for the store that the client met next, as that one
    /// said; nil for the run that it met last.
    package let through: Int64?

    package init(run: Run, through: Int64? = nil) {
        self.run = run
        self.through = through
    }

    /// Of as many the client tells its node, the last one first. Further back than that nobody puts a store every day.
    package static let countMax = 8
}

extension MetRun {
    func encode(into writer: inout JSONWriter) {
        writer.member("run", run.text)
        if let through { writer.member("through", through) }
    }

    init(_ object: JSONObject) throws(Refusal) {
        run = try object.run("run")
        through = try object.optionalInteger("through", in: 0...Int64.max)
    }
}
