import Glibc

/// Why something could not be set up. A connection that existed ends with a `CloseReason` instead.
package enum NetError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text is no address of the form wanted; `hint` says what is wrong with it.
    case invalidAddress(String, hint: String)
    /// A call of the operating system failed with this number.
    case system(operation: String, errno: Int32)
    /// A name has no address, or nobody answered for it.
    case unresolved(host: String, reason: String)
    /// A bounded queue has no room; try again later.
    case queueFull

    package var description: String {
        switch self {
        case .invalidAddress(let text, let hint): "\"\(text)\" is not an address: \(hint)"
        case .system(let operation, let errno): "\(operation): \(NetError.text(ofErrno: errno))"
        case .unresolved(let host, let reason): "\(host): \(reason)"
        case .queueFull: "too much is waiting already"
        }
    }

    /// The failure of the call that just returned.
    static func last(_ operation: String) -> NetError { .system(operation: operation, errno: errno) }

    static func text(ofErrno number: Int32) -> String { String(cString: strerror(number)) }
}
