import Glibc

exit(NodeProgram.run(Array(CommandLine.arguments.dropFirst())))
