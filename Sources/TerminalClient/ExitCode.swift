import ChatClient

/// How the program ends, as BSD's sysexits.h numbers it.
package enum ExitCode: Int32, Sendable {
    case ok = 0
    case failure = 1
    case usage = 2
    case unknownHost = 68
    case unreachable = 69
    /// It is kept and will be tried again by the next run.
    case temporary = 75
    case protocolFault = 76
    case loginRefused = 77
    case badSetup = 78
}

extension ExitCode {
    init(_ end: ClientEnd) {
        self =
            switch end {
            case .unreachable: .unreachable
            case .unknownHost: .unknownHost
            case .loginRefused: .loginRefused
            case .protocolFault: .protocolFault
            }
    }
}

/// What ends the program before it has begun, in words for the person who called it.
package struct StartFault: Error, Equatable, Sendable {
    package let code: ExitCode
    package let text: String

    package init(_ code: ExitCode, _ text: String) {
        self.code = code
        self.text = text
    }
}

extension StartFault {
    /// The whole of a small file, nil if there is none.
    static func reading(_ path: String, bytesMax: Int, _ code: ExitCode) throws(StartFault) -> [UInt8]? {
        do throws(ProfileError) { return try PrivateFile.read(path, bytesMax: bytesMax) } catch {
            throw StartFault(code, error.text)
        }
    }
}
