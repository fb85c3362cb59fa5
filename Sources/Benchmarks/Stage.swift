import Net

/// One event loop's run: everything of a measurement lives on it, and the first fault ends it.
final class Stage {
    let loop: EventLoop
    private(set) var fault: BenchmarkFault?
    private var kept: [AnyObject] = []
    private(set) var isOver = false

    private init(_ loop: EventLoop) { self.loop = loop }

    /// Runs until `finish` or `fail`, or throws after `duration`. A signal that asks the program to end does so too.
    static func run(within duration: Duration, _ setUp: (Stage) throws -> Void) throws {
        var made: Stage?
        try EventLoop.run { loop in
            let stage = Stage(loop)
            made = stage
            stage.keep(
                try SignalSource(loop: loop, signals: [.interrupt, .terminate]) { [unowned stage] _ in
                    stage.fail("interrupted")
                })
            loop.schedule(after: duration) { [weak stage] in stage?.fail("nothing came of it within \(duration)") }
            try setUp(stage)
        }
        // What is kept also keeps the stage, through what it calls.
        made?.kept = []
        if let fault = made?.fault { throw fault }
    }

    /// Keeps `object` as long as the loop runs: streams do not keep their handlers.
    func keep(_ object: AnyObject) { kept.append(object) }

    func fail(_ text: String) {
        if !isOver { fault = BenchmarkFault(text) }
        finish()
    }

    func finish() {
        isOver = true
        loop.stop()
    }

    /// Runs `body` later; what it throws ends the stage.
    func after(_ duration: Duration, _ body: @escaping () throws -> Void) {
        loop.schedule(after: duration) { [weak self] in
            guard let self, !self.isOver else { return }
            do { try body() } catch let fault as BenchmarkFault { self.fail(fault.text) } catch {
                self.fail("\(error)")
            }
        }
    }
}
