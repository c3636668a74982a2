"""mlserver start FOLDER, without the script that pip would have installed. A custom runtime is found beside this file."""
import sys

from mlserver.cli import main

sys.argv = ["mlserver", "start", sys.argv[1]]
main()
