package import ChatClient
import Net
package import Wire

/// `client_setup.json`: where nodes are, and who one usually is.
package struct ClientSetup: Equatable, Sendable {
    /// For every server that `servers` does not name.
    package private(set) var server: NodeTarget?
    package private(set) var servers: [ServerName: NodeTarget] = [:]
    package private(set) var user: Address?
    /// The folder for accepted files; it may begin with `~/`.
    package private(set) var downloads: String?
    /// A file with a certificate and its key; it may begin with `~/`.
    package private(set) var certificate: String?

    package init() {}

    /// `path` is named in complaints only. Throws `badSetup` with the line where something is wrong.
    package init(parsing bytes: [UInt8], path: String) throws(StartFault) {
        let place = Place(bytes: bytes, path: path)
        let object: JSONObject
        do throws(JSONFault) {
            object = try JSONObject(parsing: bytes, limits: .setup)
        } catch { throw place.fault(error.refusal.text, at: error.offset) }
        for (name, offset) in object.names where Key(rawValue: name) == nil {
            let nearest = Spelling.nearest(to: name, among: Key.allCases.map(\.rawValue))
            let known = Key.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            let hint = nearest.map { "did you mean \"\($0)\"?" } ?? "known are \(known)"
            throw place.fault("\"\(SafeText(name))\" is not known; \(hint)", at: offset)
        }
        for (name, offset) in object.names {
            do throws(Refusal) { try take(name, from: object) } catch { throw place.fault(error.text, at: offset) }
        }
    }

    private enum Key: String, CaseIterable { case serverIP = "server_ip", servers, user, downloads, certificate }

    private mutating func take(_ name: String, from object: JSONObject) throws(Refusal) {
        switch Key(rawValue: name) {
        case .serverIP:
            if let text = try object.optionalString(name) { server = try ClientSetup.target(text, name) }
        case .servers:
            guard let table = try object.optionalObject(name) else { return }
            for (server, _) in table.names {
                let target = try ClientSetup.target(try table.string(server), server)
                do throws(AddressError) { servers[try ServerName(server)] = target } catch {
                    throw Refusal(.badAddress, "\"\(SafeText(server))\" in \"servers\": \(error.text)")
                }
            }
        case .user:
            guard let text = try object.optionalString(name) else { return }
            do throws(AddressError) { user = try Address(typed: text) } catch {
                throw Refusal(.badAddress, "\"user\": \(error.text)")
            }
        case .downloads: downloads = try ClientSetup.path(name, object)
        case .certificate: certificate = try ClientSetup.path(name, object)
        case nil: break
        }
    }

    private static func path(_ name: String, _ object: JSONObject) throws(Refusal) -> String? {
        guard let text = try object.optionalString(name) else { return nil }
        guard text.hasPrefix("/") || text.hasPrefix("~/") else {
            throw Refusal(.badValue, "\"\(name)\" must be a path that begins with / or ~/")
        }
        return text
    }

    private static func target(_ text: String, _ name: String) throws(Refusal) -> NodeTarget {
        do throws(NetError) { return try NodeTarget(parsing: text) } catch {
            throw Refusal(.badAddress, "\"\(SafeText(name))\": \(SafeText(error.description))")
        }
    }

    /// Where the node of `name` is. `chosen` is what the command line says.
    package func target(for name: ServerName, chosen: String?) throws(StartFault) -> NodeTarget {
        if let chosen {
            do throws(NetError) { return try NodeTarget(parsing: chosen) } catch {
                throw StartFault(.usage, "--server: \(SafeText(error.description))")
            }
        }
        guard let target = servers[name] ?? server else {
            throw StartFault(
                .unknownHost,
                "nobody says where \(name) is: use --server HOST:PORT, or \"servers\" or \"server_ip\" in client_setup.json"
            )
        }
        return target
    }

    /// For words that point into a file.
    private struct Place {
        let bytes: [UInt8]
        let path: String

        func fault(_ text: String, at offset: Int) -> StartFault {
            let line = bytes.prefix(max(0, offset)).count { $0 == 0x0A } + 1
            return StartFault(.badSetup, "\(path):\(line): \(text)")
        }
    }
}
