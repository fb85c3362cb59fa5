import ChatClient
import Glibc
import Net
import Wire

/// From the command line to the running client.
enum Program {
    /// Returns the exit status.
    static func run(_ arguments: [String]) -> Int32 {
        StandardStreams.occupy()
        SignalSource.block(PendingSignals.answered + PendingSignals.ofTerminals)
        do {
            return try start(try Options(parsing: arguments))
        } catch let fault as StartFault {
            StandardStreams.tell(fault.text)
            return fault.code.rawValue
        } catch {
            StandardStreams.tell("\(error)")
            return ExitCode.failure.rawValue
        }
    }

    private static func start(_ options: Options) throws -> Int32 {
        switch options.wish {
        case .help:
            print(options.verbName.flatMap(VerbTable.find)?.help ?? Options.help)
            return ExitCode.ok.rawValue
        case .version:
            print(Options.version)
            return ExitCode.ok.rawValue
        case .run: break
        }
        let setup = try readSetup(options.setupPath)
        guard let address = options.address ?? setup.user else {
            throw StartFault(.usage, "say who you are: postroad USER@SERVER, or \"user\" in client_setup.json")
        }
        var text = ""
        switch try textOfVerb(options.verb) {
        case .text(let read): text = read
        case .interrupted(let signal): return signal.exitStatus
        }
        let target = try setup.target(for: address.server, chosen: options.server)
        let given = try PasswordSource.given(path: options.passwordPath)
        let profile = try openProfile(of: address, options.profile)
        let plan = Plan(
            target: target, tls: try context(showing: options.certificatePath ?? setup.certificate),
            downloads: DownloadFolder(chosen: setup.downloads, environment: variable), options: options,
            text: text)
        switch given {
        case .password(let bytes): return try serve(profile, plan, password: bytes)
        case .interrupted(let signal): return signal.exitStatus
        case .none where profile.hasToken: return try serve(profile, plan, password: nil)
        case .none: break
        }
        switch PasswordSource.ask(for: address) {
        case .password(let bytes): return try serve(profile, plan, password: bytes)
        case .interrupted(let signal): return signal.exitStatus
        case .none:
            throw StartFault(
                .loginRefused, "a password is needed: use --password-file, POSTROAD_PASSWORD, or a terminal")
        }
    }

    private struct Plan {
        let target: NodeTarget
        let tls: TLSContext
        let downloads: DownloadFolder
        let options: Options
        /// What `send` sends.
        let text: String
    }

    /// - Parameter path: of a certificate; nil if none is shown.
    private static func context(showing path: String?) throws(StartFault) -> TLSContext {
        var identity: TLSIdentity?
        if let path = path.map({ DownloadFolder.expand($0, home: variable("HOME")) }) {
            let read = try StartFault.reading(path, bytesMax: certificateBytesMax, .failure)
            guard let pem = read else { throw StartFault(.failure, "\(path): there is no such file") }
            identity = TLSIdentity(pem: pem)
        }
        do throws(TLSFault) { return try .client(identity: identity) } catch {
            throw StartFault(.failure, "\(path ?? "TLS"): \(error.text)")
        }
    }

    private static func textOfVerb(_ verb: Verb?) throws(StartFault) -> TextInput.Answer {
        guard case .send(_, let text) = verb else { return .text("") }
        if let text, text != "-" { return .text(text) }
        guard text != nil || isatty(0) == 0 else {
            throw StartFault(.usage, "say what to send: a text, or - for standard input")
        }
        return try TextInput.read()
    }

    private static func serve(_ profile: Profile, _ plan: Plan, password: [UInt8]?) throws -> Int32 {
        var password = password
        var status = ExitCode.failure.rawValue
        var session: Session?
        try EventLoop.run { loop in
            let made = try Session(
                loop: loop, profile: profile, target: plan.target, tls: plan.tls, password: &password,
                downloads: plan.downloads,
                isReading: plan.options.verb.map { $0 == .tail } ?? true, face: face(for: plan, profile)
            ) { code in
                status = code
                loop.stop()
            }
            try made.start()
            session = made
        }
        // Alive until here; what the loop calls holds it weakly.
        withExtendedLifetime(session) {}
        return status
    }

    private static func face(for plan: Plan, _ profile: Profile) -> any Face {
        if let verb = plan.options.verb {
            let run = VerbRun(
                verb, text: plan.text, options: plan.options, address: profile.address,
                localTime: { LocalTime.here($0) })
            return VerbFace(run, timeoutSeconds: plan.options.timeoutSeconds)
        }
        if plan.options.isJSON { return JSONFace() }
        guard Terminal.isCapable(input: 0, output: 1, environment: variable) else {
            return LineFace(screen: PlainScreen(), address: profile.address)
        }
        let terminal = Terminal(input: 0, output: 1, environment: variable)
        let screen = TerminalScreen(terminal: terminal, historyPath: profile.path + "/input-history")
        return LineFace(screen: screen, address: profile.address)
    }

    private static func openProfile(of address: Address, _ name: UserName?) throws(StartFault) -> Profile {
        guard let dataPath = Profile.dataPath(environment: variable) else {
            throw StartFault(.failure, "neither XDG_DATA_HOME nor HOME says where the profile belongs")
        }
        do throws(ProfileError) { return try Profile(address: address, name: name, dataPath: dataPath) } catch {
            throw StartFault(.failure, error.text)
        }
    }

    private static func readSetup(_ path: String?) throws(StartFault) -> ClientSetup {
        if let path {
            guard let bytes = try StartFault.reading(path, bytesMax: setupBytesMax, .badSetup) else {
                throw StartFault(.badSetup, "\(path): there is no such file")
            }
            return try ClientSetup(parsing: bytes, path: path)
        }
        for path in ["client_setup.json", configPath.map { $0 + "/postroad/client_setup.json" }].compactMap({ $0 }) {
            guard let bytes = try StartFault.reading(path, bytesMax: setupBytesMax, .badSetup) else { continue }
            return try ClientSetup(parsing: bytes, path: path)
        }
        return ClientSetup()
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`; relative paths count as absent (XDG Base Directory Specification).
    private static var configPath: String? {
        if let path = variable("XDG_CONFIG_HOME"), path.hasPrefix("/") { return path }
        return variable("HOME").flatMap { $0.hasPrefix("/") ? $0 + "/.config" : nil }
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// A chain with RSA keys takes a few KiB.
    private static let certificateBytesMax = 256 << 10
    /// Thousands of servers fit.
    private static let setupBytesMax = 1 << 20
}
