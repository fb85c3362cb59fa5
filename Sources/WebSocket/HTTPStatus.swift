/// The outcome in an HTTP answer (RFC 9110 §15); three digits.
package struct HTTPStatus: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let switchingProtocols = HTTPStatus(rawValue: 101)
    package static let badRequest = HTTPStatus(rawValue: 400)
    package static let forbidden = HTTPStatus(rawValue: 403)
    package static let notFound = HTTPStatus(rawValue: 404)
    package static let methodNotAllowed = HTTPStatus(rawValue: 405)
    package static let misdirected = HTTPStatus(rawValue: 421)
    package static let upgradeRequired = HTTPStatus(rawValue: 426)
    package static let tooManyRequests = HTTPStatus(rawValue: 429)
    package static let headerFieldsTooLarge = HTTPStatus(rawValue: 431)
    package static let serviceUnavailable = HTTPStatus(rawValue: 503)

    /// The phrase that follows the number; for people only, so unnamed codes get a general one.
    var phrase: String {
        switch self {
        case .switchingProtocols: "Switching Protocols"
        case .badRequest: "Bad Request"
        case .forbidden: "Forbidden"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .misdirected: "Misdirected Request"
        case .upgradeRequired: "Upgrade Required"
        case .tooManyRequests: "Too Many Requests"
        case .headerFieldsTooLarge: "Request Header Fields Too Large"
        case .serviceUnavailable: "Service Unavailable"
        default: "Refused"
        }
    }
}
