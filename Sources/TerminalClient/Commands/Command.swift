package import Wire

/// A command, however it was entered. `CommandTable` says how each is entered and what it does.
package enum Command: Equatable, Sendable {
    case message(to: Conversation, text: String, id: MessageID?)
    /// Whom plain lines go to from now on.
    case to(Conversation)
    case who
    /// nil: everybody's keys that are known here.
    case keys(of: Address?)
    case file(to: Conversation, path: String, id: MessageID?)
    case files
    /// `path` is a folder or a new file; nil: the folder for downloads.
    case accept(FileReference, path: String?)
    case cancel(FileReference)
    case history(Conversation, count: Int, before: Int64?, after: Int64?)
    case trust(Address)
    /// The name of one command, as `CommandTable.find` takes it; nil: all of them.
    case help(String?)
    case quit

    /// Equal if the bytes of texts and paths are; `==` on text from outside may have to normalise it first.
    package static func == (left: Command, right: Command) -> Bool {
        switch (left, right) {
        case (.message(let to, let text, let id), .message(let otherTo, let otherText, let otherID)):
            to == otherTo && text.utf8.elementsEqual(otherText.utf8) && id == otherID
        case (.to(let to), .to(let other)): to == other
        case (.keys(let address), .keys(let other)): address == other
        case (.file(let to, let path, let id), .file(let otherTo, let otherPath, let otherID)):
            to == otherTo && path.utf8.elementsEqual(otherPath.utf8) && id == otherID
        case (.accept(let file, let path), .accept(let otherFile, let otherPath)):
            file == otherFile && path.map { Array($0.utf8) } == otherPath.map { Array($0.utf8) }
        case (.cancel(let file), .cancel(let other)): file == other
        case (
            .history(let conversation, let count, let before, let after),
            .history(let otherConversation, let otherCount, let otherBefore, let otherAfter)
        ):
            conversation == otherConversation && count == otherCount && before == otherBefore && after == otherAfter
        case (.trust(let address), .trust(let other)): address == other
        case (.help(let name), .help(let other)): name.map { Array($0.utf8) } == other.map { Array($0.utf8) }
        case (.who, .who), (.files, .files), (.quit, .quit): true
        default: false
        }
    }
}

/// A file as people and programs name it.
package enum FileReference: Hashable, Sendable {
    /// That of the message with the offer.
    case id(MessageID)
    /// Counts up from 1 in a profile.
    case number(Int64)
}
