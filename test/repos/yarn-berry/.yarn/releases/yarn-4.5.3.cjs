// stands for the release of Yarn
