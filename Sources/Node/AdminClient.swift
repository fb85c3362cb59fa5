import Federation
import Glibc
import Net
import Store
import Wire

/// The program as an administrator's hand: asks the running node of a setup file and shows what it answers.
struct AdminClient {
    private let setupFile: String
    private let setup: Setup
    private let isJSON: Bool

    /// A node that does not answer for so long hangs: its slowest step takes ten seconds.
    private static let silenceDurationMax: Duration = .seconds(30)

    init(_ setup: Setup, file: String, isJSON: Bool) {
        self.setup = setup
        setupFile = file
        self.isJSON = isJSON
    }

    /// Returns whether it was done. Throws where nobody could be asked.
    func run(_ request: AdminRequest) throws -> Bool {
        let connection: AdminConnection
        do throws(NetError) {
            connection = try AdminConnection(to: address, timeout: AdminClient.silenceDurationMax)
        } catch {
            guard AdminClient.isNobody(error) else { throw CommandFault("\(address): \(error)") }
            if request.verb == .test { return try testAlone(request) }
            if request.verb == .rotate { return try rotateAlone(request) }
            throw CommandFault(
                "no node runs with \(setupFile), for nobody answers at \(address); "
                    + "postroad-node run --setup \(setupFile) starts it")
        }
        var request = request
        if request.verb == .trust, let refused = try confirm(&request, over: connection) {
            show([refused], of: request)
            return false
        }
        return try ask(request, over: connection)
    }

    private var address: LocalAddress { LocalAddress(folder: setup.dataFolder, name: AdminDriver.fileName) }

    private static func isNobody(_ error: NetError) -> Bool {
        guard case .system(_, let number) = error else { return false }
        return [ENOENT, ECONNREFUSED, ENOTDIR].contains(number)
    }

    private func ask(_ request: AdminRequest, over connection: AdminConnection) throws -> Bool {
        var lines: [AdminLine] = []
        let isStepwise = request.verb == .test
        var hasFailed = false
        try connection.ask(request) { line in
            guard isStepwise else { return lines.append(line) }
            showStep(line, of: request, &hasFailed)
        }
        if !isStepwise { show(lines, of: request) }
        if case .done? = connection.last { return true }
        return false
    }

    // MARK: Trust

    /// Shows both keys and asks, unless told not to. What was shown is what is trusted. Returns why not.
    private func confirm(
        _ request: inout AdminRequest, over connection: AdminConnection
    ) throws -> AdminLine? {
        guard request.key == nil, case .trust(let name, _) = try AdminCommand(request) else { return nil }
        var found: LinkReport?
        try connection.ask(AdminRequest(.why, name: name)) { line in
            if case .link(let report) = line { found = report }
        }
        // The node has the words for a name it does not know and for one that offers nothing.
        guard let report = found, let offer = report.offer else { return nil }
        request.key = offer.key.text
        guard !request.isConfirmed else { return nil }
        let keys = "known   \(report.key?.text ?? "none")\noffered \(offer.key)"
        guard !isJSON, isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else {
            let text = "\(name) offers another key than the known one; compare them, then say --yes"
            return .refused(Refusal(.notConfirmed, text), AdminFacts(old: report.key, new: offer.key))
        }
        let place = offer.isDialled ? "where this node dials it" : "by somebody who dialled this node"
        Console.complain("\(name) shows another key \(place).\n\(keys)")
        Console.complain("Ask its administrator whether that is theirs. Trust the offered key? [yes/no]")
        let answer = readLine(strippingNewline: true) ?? ""
        guard answer == "yes" else {
            return .refused(Refusal(.notConfirmed, "nothing was changed"), AdminFacts(old: report.key, new: offer.key))
        }
        return nil
    }

    // MARK: Without a node

    /// The way can be walked with the setup file, the key and the pins alone.
    private func testAlone(_ request: AdminRequest) throws -> Bool {
        guard case .test(let name) = try AdminCommand(request) else { return false }
        if !isJSON { Console.complain("no node runs here, so this program tries the way itself") }
        let folder = try PrivateFolder(path: setup.dataFolder)
        let identity = try ServerIdentity(in: folder)
        let store = try NodeStore(
            path: folder.path + "/node.db", epoch: Epoch(UInt64.random(in: .min ... .max)), now: Clock.wallMilliseconds)
        // Opening it has answered that with a new epoch, so the next start has nothing to tell.
        if store.isRestored { Console.complain("node.db was put back from a backup") }
        let hub = Hub(
            setup: setup, key: identity.publicKey, rotations: identity.rotations,
            stored: try StoredState(reading: store))
        try store.close()
        var failure: Refusal?
        var hasFailed = false
        if let target = hub.probe(of: name) {
            try EventLoop.run { loop in
                let prober = LinkProber(
                    target, loop: loop, resolver: try Resolver(loop: loop), tls: try .client(), key: identity.key)
                prober.start {
                    showStep(.step($0), of: request, &hasFailed)
                } ended: { refusal in
                    failure = refusal
                    // The last words leave at the end of the turn.
                    loop.schedule(after: .milliseconds(10)) { loop.stop() }
                }
                loop.schedule(after: AdminClient.silenceDurationMax + .seconds(10)) { _ = prober }
            }
        } else {
            failure = Refusal(.unknownServer, "this node knows no server named \(name)")
        }
        showStep(failure.map { .refused($0, AdminFacts()) } ?? .done(AdminOutcome()), of: request, &hasFailed)
        return failure == nil
    }

    /// The next start finds the new key.
    private func rotateAlone(_ request: AdminRequest) throws -> Bool {
        let folder = try PrivateFolder(path: setup.dataFolder)
        let old = try ServerIdentity(in: folder).publicKey
        let fresh = try ServerIdentity.rotate(in: folder, name: setup.serverName, at: Clock.wallMilliseconds)
        show([.done(.rotated(setup.serverName, from: old, to: fresh.publicKey))], of: request)
        return true
    }

    // MARK: Showing

    /// The step that failed has said everything; people need not read it again at the end.
    private func showStep(_ line: AdminLine, of request: AdminRequest, _ hasFailed: inout Bool) {
        if case .step(let step) = line, step.refusal != nil { hasFailed = true }
        if case .refused = line, hasFailed, !isJSON { return }
        show([line], of: request)
    }

    private func show(_ lines: [AdminLine], of request: AdminRequest) {
        guard !isJSON else {
            for line in lines { Console.say(String(decoding: line.encoded().dropLast(), as: UTF8.self)) }
            return
        }
        var reports: [LinkReport] = []
        for line in lines {
            switch line {
            case .link(let report): reports.append(report)
            case .step(let step): Console.say(AdminWords.words(on: step))
            case .done(let outcome):
                if request.verb == .list { Console.say(AdminWords.table(of: reports)) }
                if request.verb == .why { for report in reports { Console.say(AdminWords.everything(of: report)) } }
                if !outcome.text.isEmpty { Console.say(SafeText(outcome.text).text) }
            case .refused(let refusal, let facts):
                Console.complain("error: \(refusal.code.rawValue): \(SafeText(refusal.text))")
                if let old = facts.old { Console.complain("known   \(old)") }
                if let new = facts.new { Console.complain("offered \(new)") }
            }
        }
    }
}

/// Questions to a node, one after the other, and its answers.
final class AdminConnection {
    private let connection: LocalConnection
    private var lines = LineSplitter(lineBytesMax: AdminLine.bytesMax)
    /// The last line of the last answer.
    private(set) var last: AdminLine?

    /// A thousand servers have a line each.
    private static let linesMax = 10_000

    init(to address: LocalAddress, timeout: Duration) throws(NetError) {
        connection = try LocalConnection(to: address, timeout: timeout)
    }

    /// Hands each line of the answer to `body`, the last one too.
    func ask(_ request: AdminRequest, _ body: (AdminLine) -> Void) throws(CommandFault) {
        last = nil
        do throws(NetError) { try connection.write(request.encoded()) } catch {
            throw CommandFault("the node does not take the command: \(error)")
        }
        for _ in 0..<AdminConnection.linesMax {
            let line = try next()
            body(line)
            if line.isLast {
                last = line
                return
            }
        }
        throw CommandFault("the node answers without end")
    }

    private func next() throws(CommandFault) -> AdminLine {
        while true {
            do throws(Refusal) {
                if let line = try lines.next() { return try AdminLine(try JSONObject(message: line)) }
            } catch { throw CommandFault("the node's answer cannot be read: \(error.text)") }
            let bytes: [UInt8]
            do throws(NetError) { bytes = try connection.read() } catch {
                throw CommandFault("the node does not answer: \(error)")
            }
            guard !bytes.isEmpty else { throw CommandFault("the node ended before it answered") }
            lines.receive(bytes)
        }
    }
}
