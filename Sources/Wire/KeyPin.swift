/// The one key that may prove a server's name, and how it came to be that.
package struct KeyPin: Hashable, Sendable {
    package enum Origin: String, Hashable, Sendable, CaseIterable {
        /// It was the first that proved itself where we dialled.
        case first
        /// The key before it signed that it takes its place.
        case rotated
        /// An administrator took it for the one before.
        case trusted
    }

    package let key: IdentityKey
    package let origin: Origin
    /// The key before this one; nil for a first.
    package let previous: IdentityKey?
    /// The key that `setup.json` names and this one takes the place of: as long as the file says that, this one counts.
    package let insteadOf: IdentityKey?

    package init(
        _ key: IdentityKey, _ origin: Origin = .first, previous: IdentityKey? = nil, insteadOf: IdentityKey? = nil
    ) {
        self.key = key
        self.origin = origin
        self.previous = previous
        self.insteadOf = insteadOf
    }

    /// Which key counts where `setup.json` names one too.
    /// - Parameter named: in `setup.json`.
    package static func effective(named: IdentityKey?, pin: KeyPin?) -> IdentityKey? {
        guard let named else { return pin?.key }
        guard let pin, pin.insteadOf == named else { return named }
        return pin.key
    }
}
