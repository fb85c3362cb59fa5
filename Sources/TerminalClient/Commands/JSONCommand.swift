package import Wire

/// What a program put into `ref`, given back as it was.
package enum CommandRef: Equatable, Sendable {
    case text(String)
    case number(Int64)
}

/// A command as a line of JSON.
package struct JSONCommand: Equatable, Sendable {
    package let command: Command
    package let ref: CommandRef?

    /// Why a line is no command. `ref` is there if it could be read.
    package struct Fault: Error, Equatable, Sendable {
        package let refusal: Refusal
        package let ref: CommandRef?
    }

    package init(parsing line: [UInt8]) throws(Fault) {
        let object: JSONObject
        do throws(Refusal) { object = try JSONObject(message: line) } catch { throw Fault(refusal: error, ref: nil) }
        let ref: CommandRef?
        do throws(Refusal) { ref = try JSONCommand.ref(object) } catch { throw Fault(refusal: error, ref: nil) }
        do throws(Refusal) {
            command = try JSONCommand.command(object)
        } catch { throw Fault(refusal: error, ref: ref) }
        self.ref = ref
    }

    private static func ref(_ object: JSONObject) throws(Refusal) -> CommandRef? {
        guard object.has("ref") else { return nil }
        if let number = try? object.integer("ref", in: .min ... .max) { return .number(number) }
        guard let text = try? object.string("ref") else {
            throw Refusal(.wrongType, "\"ref\" must be a string or a whole number")
        }
        guard text.utf8.count <= refBytesMax else {
            throw Refusal(.tooLong, "\"ref\" has \(text.utf8.count) bytes; at most \(refBytesMax) are taken")
        }
        return .text(text)
    }

    private static func command(_ object: JSONObject) throws(Refusal) -> Command {
        let name = try object.string("do")
        let specs = CommandTable.all.filter { $0.jsonName != nil }
        // As bytes: `==` on text from outside may have to normalise it first.
        guard let spec = specs.first(where: { $0.jsonName?.utf8.elementsEqual(name.utf8) == true }) else {
            let known = specs.compactMap(\.jsonName)
            let nearest = Spelling.nearest(to: name, among: known)
            let hint = nearest.map { "did you mean \"\($0)\"?" } ?? "known are \(known.joined(separator: ", "))"
            throw Refusal(.unknownTag, "\"\(name.prefix(64))\" is no command; \(hint)")
        }
        var values = CommandValues()
        for argument in spec.arguments where argument.isInJSON {
            guard object.has(argument.name) || !argument.isOptional else { continue }
            values[argument.name] = try value(argument, in: object)
        }
        return try spec.make(values)
    }

    private static func value(_ argument: CommandArgument, in object: JSONObject) throws(Refusal) -> CommandValue {
        if case .number(let range) = argument.kind { return .number(try object.integer(argument.name, in: range)) }
        let text = try object.string(argument.name)
        do throws(Refusal) { return try argument.kind.value(of: text, isTyped: false) } catch {
            throw Refusal(error.code, "\"\(argument.name)\": \(error.text)")
        }
    }

    /// It is echoed with every answer, so it is a name and no payload.
    private static let refBytesMax = 256
}
