import argparse
import sys


def main():
    parser = argparse.ArgumentParser(description="Counts words.")
    parser.add_argument("file", nargs="?")
    args = parser.parse_args()
    text = open(args.file).read() if args.file else sys.stdin.read()
    print(len(text.split()))
