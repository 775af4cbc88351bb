"""Makes the sample of loghi-runner: synthetic pages, PAGE XML, line images and line lists."""
