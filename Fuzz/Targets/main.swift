import CLibFuzzer
import Glibc

// `Scripts/fuzz` runs this; by hand it runs one input again: `postroad-fuzz --target=frames FILE`. libFuzzer ignores
// what begins with two hyphens, and hands it on to the copies of this program that it starts to merge a corpus.
let prefix = "--target="
let name = CommandLine.arguments.first { $0.hasPrefix(prefix) }?.dropFirst(prefix.count)
guard let target = Target.all.first(where: { $0.name == name ?? "" }) else {
    print("usage: postroad-fuzz --target=NAME [libFuzzer's arguments]")
    print("targets: \(Target.all.map(\.name).joined(separator: " "))")
    exit(2)
}
var (count, arguments) = (CommandLine.argc, Optional(CommandLine.unsafeArgv))
exit(LLVMFuzzerRunDriver(&count, &arguments, target.entry))
