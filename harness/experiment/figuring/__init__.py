"""The numbers behind the page's figures that need predictions; each figure has its file."""
