import Net

endProgram(NodeProgram.run(Array(CommandLine.arguments.dropFirst())))
