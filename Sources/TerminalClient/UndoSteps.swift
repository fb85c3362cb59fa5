/// The line as it was before each of its last changes.
struct UndoSteps: Sendable {
    /// With the longest lines these take 3 MiB.
    static let stepsMax = 100
    /// Typing on is one step until it is this long, as in Emacs.
    static let typedPerStepMax = 20

    private var steps: [LineBuffer] = []
    /// Typed into the newest step; 0 once something else was done.
    private var typed = 0

    mutating func remember(_ line: LineBuffer) {
        steps.append(line)
        if steps.count > UndoSteps.stepsMax { steps.removeFirst() }
        typed = 0
    }

    /// Before a character that is typed.
    mutating func rememberTyping(_ line: LineBuffer) {
        if typed == 0 || typed >= UndoSteps.typedPerStepMax { remember(line) }
        typed += 1
    }

    /// What is typed next stands somewhere else.
    mutating func endTyping() { typed = 0 }

    mutating func takeLast() -> LineBuffer? {
        typed = 0
        return steps.popLast()
    }
}
