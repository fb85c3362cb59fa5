/// Where a message belongs: `public`, or the conversation with one address. As an envelope's `to` it names the
/// recipient; in front of a person it names the other end.
package enum Conversation: Hashable, Sendable, CustomStringConvertible {
    case everyone
    case direct(Address)

    package init(parsing text: String) throws(AddressError) {
        // As bytes: `==` on text from outside may have to normalise it first.
        self = text.utf8.elementsEqual("public".utf8) ? .everyone : .direct(try Address(parsing: text))
    }

    package var text: String {
        switch self {
        case .everyone: "public"
        case .direct(let address): address.text
        }
    }

    package var description: String { text }
}
