from embedding_worker.main import main

main()
