import ChatClient
import Glibc
import Net
import Wire

/// From the command line to the running client.
enum Program {
    /// Returns the exit status.
    static func run(_ arguments: [String]) -> Int32 {
        StandardStreams.occupy()
        SignalSource.block(PendingSignals.answered)
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
            print(Options.help)
            return ExitCode.ok.rawValue
        case .version:
            print(Options.version)
            return ExitCode.ok.rawValue
        case .run: break
        }
        let setup = try readSetup(options.setupPath)
        guard let address = options.address ?? setup.user else {
            throw StartFault(.usage, "say who you are: postroad USER@SERVER --json")
        }
        guard options.isJSON else {
            throw StartFault(.usage, "this version speaks JSON mode only: postroad \(address) --json")
        }
        let target = try setup.target(for: address.server, chosen: options.server)
        let given = try PasswordSource.given(path: options.passwordPath)
        let profile = try openProfile(of: address)
        let downloads = DownloadFolder(chosen: setup.downloads, environment: variable)
        switch given {
        case .password(let bytes): return try serve(profile, at: target, password: bytes, downloads: downloads)
        case .interrupted(let signal): return signal.exitStatus
        case .none where profile.hasToken: return try serve(profile, at: target, password: nil, downloads: downloads)
        case .none: break
        }
        switch PasswordSource.ask(for: address) {
        case .password(let bytes): return try serve(profile, at: target, password: bytes, downloads: downloads)
        case .interrupted(let signal): return signal.exitStatus
        case .none:
            throw StartFault(
                .loginRefused, "a password is needed: use --password-file, POSTROAD_PASSWORD, or a terminal")
        }
    }

    private static func serve(
        _ profile: Profile, at target: HostPort, password: [UInt8]?, downloads: DownloadFolder
    ) throws -> Int32 {
        var password = password
        var status = ExitCode.failure.rawValue
        var session: Session?
        try EventLoop.run { loop in
            let made = try Session(
                loop: loop, profile: profile, target: target, password: &password, downloads: downloads,
                isReading: true, face: JSONFace()
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

    private static func openProfile(of address: Address) throws(StartFault) -> Profile {
        guard let dataPath = Profile.dataPath(environment: variable) else {
            throw StartFault(.failure, "neither XDG_DATA_HOME nor HOME says where the profile belongs")
        }
        do throws(ProfileError) { return try Profile(address: address, dataPath: dataPath) } catch {
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

    /// Thousands of servers fit.
    private static let setupBytesMax = 1 << 20
}
