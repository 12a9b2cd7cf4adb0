import sys

if __name__ == "__main__":
    print("counted", sum(range(10)))
    sys.exit(0)
